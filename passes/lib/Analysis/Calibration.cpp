//===- Calibration.cpp - what a recorded run has seen ---------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The safetensors layout: eight bytes of header length, a JSON header, the data. What a file says
// is never trusted: offsets, sizes and shapes must agree, and numbers must be finite.
//
//===----------------------------------------------------------------------===//
#include "aimc/Analysis/Calibration.h"

#include "aimc/Analysis/JsonText.h"
#include "aimc/files/Seal.h"
#include "aimc/files/Text.h"
#include "aimc/model/Limits.h"
#include "aimc/model/Quantiles.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// SafetensorsFile
//===----------------------------------------------------------------------===//

static std::string shapeText(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape, [](int64_t n) { return std::to_string(n); }), ", ") +
         "]";
}

/// The range of a tensor's bytes in the data, or nothing where the entry is no tensor of it.
static std::optional<std::pair<uint64_t, uint64_t>> readEntry(const json::Object &entry,
                                                              std::string &dtype,
                                                              SmallVector<int64_t> &shape,
                                                              uint64_t dataBytes) {
  std::optional<StringRef> type = entry.getString("dtype");
  const json::Array *extents = entry.getArray("shape"), *offsets = entry.getArray("data_offsets");
  if (!type || !extents || !offsets || offsets->size() != 2)
    return std::nullopt;
  dtype = type->str();
  for (const json::Value &extent : *extents) {
    std::optional<int64_t> size = extent.getAsInteger();
    if (!size || *size < 0)
      return std::nullopt;
    shape.push_back(*size);
  }
  std::optional<uint64_t> begin = (*offsets)[0].getAsUINT64(), end = (*offsets)[1].getAsUINT64();
  if (!begin || !end || *begin > *end || *end > dataBytes)
    return std::nullopt;
  return std::pair(*begin, *end);
}

FailureOr<SafetensorsFile> SafetensorsFile::open(StringRef path, Location loc) {
  auto fail = [&](const llvm::Twine &reason) -> LogicalResult {
    return emitError(loc) << ::aimc::files::printable((path + ": " + reason).str());
  };
  auto mapped = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!mapped)
    return fail("cannot read: " + mapped.getError().message());
  SafetensorsFile file(loc);
  file.name = path.str();
  file.buffer = std::move(*mapped);
  StringRef bytes = file.buffer->getBuffer();
  if (bytes.starts_with("PK"))
    return fail(
        "expected a record of a run, as aimc-run MODEL.aimc --input DATA.npz --record FILE "
        "writes it, but got an archive (.npz); aimc-compile --calibrate takes data as it is");
  if (bytes.size() < 8)
    return fail("expected a safetensors file, but got " + llvm::Twine(bytes.size()) + " bytes");
  uint64_t length = llvm::support::endian::read64le(bytes.data());
  if (length > bytes.size() - 8)
    return fail("expected a header inside the file of " + llvm::Twine(bytes.size()) +
                " bytes, but got one of " + llvm::Twine(length) + " bytes");
  // Before anything is believed: what a changed byte would be blamed for is not what is wrong.
  if (auto good = ::aimc::files::checkSeal(bytes, path.str(),
                                           "a record of a run, as aimc-run --record writes it",
                                           "record the run again");
      !good)
    return emitError(loc) << good.error(), failure();
  StringRef data = bytes.drop_front(8 + length);
  llvm::Expected<json::Value> header = parseJsonText(bytes.substr(8, length).rtrim(' '));
  if (!header)
    return fail("expected a JSON header, but got " + llvm::toString(header.takeError()));
  const json::Object *root = header->getAsObject();
  if (!root)
    return fail("expected a JSON object as header");
  for (const auto &[key, value] : *root) {
    const json::Object *entry = value.getAsObject();
    if (!entry)
      return fail("expected an object for '" + StringRef(key) + "'");
    if (StringRef(key) == "__metadata__") {
      for (const auto &[name, text] : *entry)
        if (std::optional<StringRef> string = text.getAsString())
          file.texts[StringRef(name)] = string->str();
      continue;
    }
    Tensor tensor;
    auto range = readEntry(*entry, tensor.dtype, tensor.shape, data.size());
    if (!range)
      return fail("tensor '" + StringRef(key) + "': expected dtype, shape and a range within " +
                  llvm::Twine(data.size()) + " bytes of data");
    tensor.bytes = data.substr(range->first, range->second - range->first);
    file.tensors[StringRef(key)] = std::move(tensor);
  }
  return file;
}

StringRef SafetensorsFile::metadata(StringRef key) const {
  auto found = texts.find(key);
  return found == texts.end() ? StringRef() : StringRef(found->second);
}

FailureOr<std::vector<float>> SafetensorsFile::read(StringRef wanted,
                                                    ArrayRef<int64_t> shape) const {
  auto fail = [&](const llvm::Twine &reason) -> LogicalResult {
    return emitError(loc) << ::aimc::files::printable(
               (llvm::Twine(name) + ": tensor '" + wanted + "': " + reason).str());
  };
  auto found = tensors.find(wanted);
  if (found == tensors.end())
    return fail("expected it, but there is none");
  const Tensor &tensor = found->second;
  if (tensor.dtype != "F32" || ArrayRef<int64_t>(tensor.shape) != shape)
    return fail("expected F32 " + shapeText(shape) + ", but got " + tensor.dtype + " " +
                shapeText(tensor.shape));
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  if (tensor.bytes.size() != static_cast<size_t>(count) * sizeof(float))
    return fail("expected " + llvm::Twine(count * 4) + " bytes, but got " +
                llvm::Twine(tensor.bytes.size()));
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = llvm::bit_cast<float>(
        llvm::support::endian::read32le(tensor.bytes.data() + i * sizeof(float)));
    if (!std::isfinite(values[i]) || values[i] < 0)
      return fail("expected magnitudes, but got " + std::to_string(values[i]) + " at index " +
                  llvm::Twine(i));
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

FailureOr<Calibration> Calibration::open(StringRef path, Location loc) {
  FailureOr<SafetensorsFile> file = SafetensorsFile::open(path, loc);
  if (failed(file))
    return failure();
  auto fail = [&](const llvm::Twine &reason) -> LogicalResult {
    return emitError(loc) << ::aimc::files::printable((path + ": " + reason).str());
  };
  llvm::Expected<json::Value> parsed = parseJsonText(file->metadata("aimc"));
  if (!parsed)
    return fail("its description: " + llvm::toString(parsed.takeError()));
  const json::Object *root = parsed->getAsObject();
  if (!root || root->getInteger("version") != 1 || !root->getArray("grids"))
    return fail("expected a calibration file of version 1, as a session with the option record "
                "writes it");
  Calibration calibration(std::move(*file));
  for (const json::Value &entry : *root->getArray("grids")) {
    RecordedGrid grid;
    const json::Object *object = entry.getAsObject();
    const json::Array *weights = object ? object->getArray("weights") : nullptr;
    std::optional<int64_t> vectors = object ? object->getInteger("vectors") : std::nullopt;
    size_t index = calibration.grids.size();
    if (!weights || !vectors || *vectors < 0)
      return fail("grid " + llvm::Twine(index) + ": expected weights and vectors");
    grid.vectors = *vectors;
    if (std::optional<double> range = object->getNumber("input_range"); range && *range > 0)
      grid.inputRange = *range;
    for (const json::Value &weight : *weights)
      grid.weights.push_back(weight.getAsString().value_or("").str());
    if (grid.vectors > 0) {
      std::string name = "grid." + std::to_string(index) + ".quantiles";
      auto quantiles = calibration.file.read(name, {static_cast<int64_t>(kInputShares.size())});
      if (failed(quantiles))
        return failure();
      if (!llvm::is_sorted(*quantiles))
        return fail("tensor '" + name + "': expected quantiles in ascending order");
      llvm::copy(*quantiles, grid.quantiles.begin());
      auto body = calibration.body("grid." + std::to_string(index) + ".body", kInputShares.front(),
                                   grid.quantiles.front());
      if (failed(body))
        return failure();
      grid.body = std::move(*body);
    }
    calibration.grids.push_back(std::move(grid));
  }
  return calibration;
}

FailureOr<std::vector<float>> Calibration::activity(StringRef weight, int64_t rows) const {
  std::string name = ("weight." + weight + ".activity").str();
  if (!file.has(name))
    return std::vector<float>();
  constexpr int64_t bins = ::aimc::model::limits::kActivityBins;
  FailureOr<std::vector<float>> values = file.read(name, {rows, bins});
  if (failed(values))
    return failure();
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int64_t bin = 0; bin < bins; ++bin)
      sum += (*values)[row * bins + bin];
    if (std::abs(sum - 1.0) > 1e-3)
      return emitError(file.where())
                 << file.path() << ": tensor '" << name
                 << "': expected rows that sum up to 1, but row " << row << " sums up to " << sum,
             failure();
  }
  return values;
}

FailureOr<std::vector<double>> Calibration::body(StringRef name, double firstShare,
                                                 double tail) const {
  auto values = file.read(name, {static_cast<int64_t>(::aimc::model::kBodyShares.size())});
  if (failed(values))
    return failure();
  bool inside = llvm::is_sorted(*values);
  for (auto [value, share] : llvm::zip(*values, ::aimc::model::kBodyShares))
    inside &= share >= firstShare || value <= tail;
  if (!inside)
    return emitError(file.where()) << file.path() << ": tensor '" << name
                                   << "': expected quantiles in ascending order, at most those "
                                      "of the tail",
           failure();
  return std::vector<double>(values->begin(), values->end());
}

FailureOr<std::optional<RecordedCharge>> Calibration::charge(StringRef block) const {
  std::string name = ("block." + block + ".charge").str();
  if (!file.has(name))
    return std::optional<RecordedCharge>();
  FailureOr<std::vector<float>> values = file.read(name, {4});
  if (failed(values))
    return failure();
  const std::vector<float> &v = *values;
  if (!(v[1] <= v[2] && v[2] <= v[3] && v[0] <= v[3]))
    return emitError(file.where()) << file.path() << ": tensor '" << name
                                   << "': expected rms, 0.999, 0.9999 quantile and largest, "
                                      "ascending from the second on",
           failure();
  FailureOr<std::vector<double>> body = this->body(("block." + block + ".body").str(), 0.999, v[1]);
  if (failed(body))
    return failure();
  return std::optional<RecordedCharge>({v[0], v[1], v[2], v[3], std::move(*body)});
}
