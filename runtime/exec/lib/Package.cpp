//===- Package.cpp - an opened and checked package ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Package.h"

#include "aimc/exec/Cpu.h"
#include "aimc/exec/Signature.h"
#include "aimc/files/Sha256.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <future>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace aimc::exec {

namespace {
constexpr size_t kAlignment = 64;
constexpr const char *kCode = "model.so";
/// How often a package may be replaced while it is opened.
constexpr int kAttempts = 16;
/// What single precision leaves of a row sum of 1.
constexpr double kShareTolerance = 1e-3;

const char *storedName(aimc_dtype dtype) {
  constexpr const char *names[] = {"F32", "I64", "I32", "BOOL"};
  return names[dtype];
}

bool isConstantType(const std::string &dtype) {
  for (aimc_dtype known : {AIMC_F32, AIMC_I64, AIMC_I32, AIMC_BOOL})
    if (dtype == storedName(known))
      return true;
  return false;
}

tl::unexpected<Error> notAFolder(const std::string &path, int code) {
  struct stat info {};
  if (code != ENOTDIR || ::stat(path.c_str(), &info) != 0)
    return fail(AIMC_BAD_PACKAGE, path + ": cannot open: " + std::strerror(code));
  return fail(AIMC_BAD_PACKAGE,
              path + ": expected a package folder, but got a file" +
                  (path.ends_with(".onnx") || path.ends_with(".mlir")
                       ? "; compile it first: aimc-compile " + path + " (Python: aimc.compile)"
                       : ""));
}

/// Whether others may put other files into a folder. Where it is sticky they may only add some.
bool othersMayChange(const Descriptor &folder) {
  struct stat info {};
  return ::fstat(folder.get(), &info) == 0 && (info.st_mode & S_IWOTH) != 0 &&
         (info.st_mode & S_ISVTX) == 0;
}

/// Whether `path` names another folder now.
bool wasReplaced(const Descriptor &folder, const std::string &path) {
  struct stat before {
  }, now{};
  return ::fstat(folder.get(), &before) == 0 && ::stat(path.c_str(), &now) == 0 &&
         (before.st_ino != now.st_ino || before.st_dev != now.st_dev);
}
} // namespace

Result<std::shared_ptr<const Package>> Package::open(const std::string &path,
                                                     const Options &options) {
  for (int attempt = 1;; ++attempt) {
    // The path is looked up once: its files are those of this folder, whatever is renamed to the
    // path meanwhile.
    Descriptor folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder)
      return notAFolder(path, errno);
    auto package = openFolder(folder, path, options);
    // A compiler that replaces a package removes the older one under the reader's hands.
    if (package || attempt == kAttempts || !wasReplaced(folder, path))
      return package;
  }
}

Result<std::shared_ptr<const Package>>
Package::openFolder(const Descriptor &folder, const std::string &path, const Options &options) {
  std::shared_ptr<Package> package(new Package);
  package->root = path;
  while (package->root.size() > 1 && package->root.back() == '/')
    package->root.pop_back();
  if (auto done = package->readManifest(folder, options); !done)
    return tl::unexpected(done.error());
  // The processor first: on the wrong machine nothing else matters. Hashes before anything is
  // believed or executed.
  if (auto done = package->checkProcessor(); !done)
    return tl::unexpected(done.error());
  if (auto done = package->checkFiles(folder, options); !done)
    return tl::unexpected(done.error());
  if (auto done = package->checkWeights(); !done)
    return tl::unexpected(done.error());
  if (auto done = package->load(); !done)
    return tl::unexpected(done.error());
  return package;
}

std::string Package::exposure() const {
  if (!exposed)
    return {};
  return root +
         ": every user of this machine may change this package, whose code runs in the "
         "process that opens it; chmod -R o-w " +
         root;
}

Result<void> Package::readManifest(const Descriptor &folder, const Options &options) {
  std::string path = pathOf("manifest.json");
  auto read = MappedFile::readIn(folder, "manifest.json", path);
  if (!read)
    return tl::unexpected(read.error());
  text = std::move(read->text);
  exposed = read->othersMayWrite || othersMayChange(folder);
  if (options.verifyHashes)
    if (auto whole = checkManifestHash(text, path); !whole)
      return whole;
  auto parsed = Manifest::parse(text, path);
  if (!parsed)
    return tl::unexpected(parsed.error());
  description = std::move(*parsed);
  return {};
}

Result<void> Package::checkProcessor() const {
  std::string architecture = description.triple.substr(0, description.triple.find('-'));
  if (architecture != hostArchitecture())
    return fail(AIMC_UNSUPPORTED, root + ": the package is for " + quote(architecture) +
                                      " processors, but this is a " + hostArchitecture());
  std::vector<std::string> missing = missingFeatures(description.features);
  if (missing.empty())
    return {};
  std::string list;
  for (const std::string &name : missing)
    list += (list.empty() ? "" : ", ") + name;
  return fail(AIMC_UNSUPPORTED, root + ": the package is for " + quote(description.cpu) +
                                    ", but this processor lacks " + list +
                                    "; compile again with --mcpu for this machine");
}

Result<void> Package::checkFiles(const Descriptor &folder, const Options &options) {
  std::vector<std::shared_ptr<const MappedFile>> maps;
  for (const FileEntry &entry : description.files) {
    const bool isCode = entry.name == kCode;
    auto map =
        (isCode ? MappedFile::copyIn : MappedFile::openIn)(folder, entry.name, pathOf(entry.name));
    if (!map)
      return tl::unexpected(map.error());
    if ((*map)->size() != entry.bytes)
      return fail(AIMC_BAD_PACKAGE, pathOf(entry.name) + ": expected " +
                                        std::to_string(entry.bytes) + " bytes, but got " +
                                        std::to_string((*map)->size()));
    if (isCode)
      code = *map;
    exposed = exposed || (*map)->othersMayWrite();
    maps.push_back(std::move(*map));
  }
  if (options.verifyHashes) {
    // One task per file: the weights dominate, the others hide beside them.
    std::vector<std::future<files::Result<std::string>>> digests;
    for (const auto &map : maps) {
      if (map->size() != 0)
        ::madvise(const_cast<std::byte *>(map->data()), map->size(), MADV_SEQUENTIAL);
      auto hash = [map] { return files::sha256Hex(map->data(), map->size()); };
      try {
        digests.push_back(std::async(
            map->size() > (1u << 20) ? std::launch::async : std::launch::deferred, hash));
      } catch (const std::system_error &) { // no memory for a thread: one after the other
        digests.push_back(std::async(std::launch::deferred, hash));
      }
    }
    for (size_t i = 0; i < maps.size(); ++i) {
      files::Result<std::string> digest = digests[i].get();
      if (!digest)
        return fail(AIMC_INTERNAL, digest.error());
      const FileEntry &entry = description.files[i];
      if (*digest != entry.sha256)
        return fail(AIMC_BAD_PACKAGE, pathOf(entry.name) +
                                          ": the file was changed after it was compiled, expected "
                                          "SHA-256 " +
                                          entry.sha256 + ", but got " + *digest);
    }
  }
  for (size_t i = 0; i < maps.size(); ++i) {
    if (description.files[i].name != "weights.safetensors")
      continue;
    if (maps[i]->size() != 0)
      ::madvise(const_cast<std::byte *>(maps[i]->data()), maps[i]->size(), MADV_NORMAL);
    auto parsed = Safetensors::parse(maps[i], pathOf(description.files[i].name));
    if (!parsed)
      return tl::unexpected(parsed.error());
    tensors = std::make_unique<Safetensors>(std::move(*parsed));
  }
  return {};
}

/// A tensor of floats that can be used in place.
Result<const StoredTensor *> Package::floats(const std::string &name,
                                             const std::vector<int64_t> &shape) const {
  const std::string file = pathOf("weights.safetensors");
  const StoredTensor *tensor = tensors->find(name);
  if (!tensor)
    return fail(AIMC_BAD_PACKAGE, file + ": no tensor named " + quote(name));
  const std::string label = file + ": tensor " + quote(name) + ": ";
  if (tensor->dtype != "F32" || tensor->shape != shape)
    return fail(AIMC_BAD_PACKAGE, label + "expected F32 " + shapeText(shape) + ", but got " +
                                      tensor->dtype + " " + shapeText(tensor->shape));
  if (reinterpret_cast<uintptr_t>(tensor->data) % alignof(float) != 0)
    return fail(AIMC_BAD_PACKAGE, label + "expected data aligned to 4 bytes");
  return tensor;
}

/// Row activities are distributions, scales are sizes.
Result<void> Package::checkCalibration(const Weight &w) const {
  auto refuse = [&](const std::string &tensor, const char *expected, double got, int64_t index) {
    char text[40];
    std::snprintf(text, sizeof text, "%.9g", got);
    return fail(AIMC_BAD_PACKAGE, pathOf("weights.safetensors") + ": tensor " + quote(tensor) +
                                      ": expected " + expected + ", but got " + text + " at " +
                                      std::to_string(index));
  };
  if (!w.activity.empty()) {
    auto tensor = floats(w.activity, {w.rows, model::kActivityBins});
    if (!tensor)
      return tl::unexpected(tensor.error());
    const auto *bins = reinterpret_cast<const float *>((*tensor)->data);
    for (int64_t row = 0; row < w.rows; ++row) {
      double sum = 0;
      for (int64_t bin = 0; bin < model::kActivityBins; ++bin) {
        const double share = bins[row * model::kActivityBins + bin];
        if (!(share >= 0 && share <= 1 + kShareTolerance))
          return refuse(w.activity, "shares from 0 to 1", share, row * model::kActivityBins + bin);
        sum += share;
      }
      if (std::fabs(sum - 1) > kShareTolerance)
        return refuse(w.activity, "row sums of 1", sum, row);
    }
  }
  for (const Block &block : w.blocks) {
    if (block.scales.empty())
      continue;
    auto tensor = floats(block.scales, {block.cols});
    if (!tensor)
      return tl::unexpected(tensor.error());
    const auto *scales = reinterpret_cast<const float *>((*tensor)->data);
    for (int64_t j = 0; j < block.cols; ++j)
      if (!(scales[j] >= 0 && std::isfinite(scales[j]))) // 0: a column of zeros
        return refuse(block.scales, "finite scales of at least 0", scales[j], j);
  }
  return {};
}

Result<void> Package::checkWeights() {
  const std::string file = pathOf("weights.safetensors");
  for (const Weight &w : description.weights) {
    const std::vector<int64_t> shape =
        w.transposed ? std::vector{w.cols, w.rows} : std::vector{w.rows, w.cols};
    if (auto tensor = floats(w.tensor, shape); !tensor)
      return tl::unexpected(tensor.error());
    if (auto good = checkCalibration(w); !good)
      return good;
  }
  for (const std::string &name : description.constants) {
    const StoredTensor *tensor = tensors->find(name);
    if (!tensor)
      return fail(AIMC_BAD_PACKAGE, file + ": no tensor named " + quote(name));
    if (!isConstantType(tensor->dtype))
      return fail(AIMC_BAD_PACKAGE, file + ": tensor " + quote(name) +
                                        ": expected one of F32, I64, I32, BOOL, but got " +
                                        tensor->dtype);
    const void *data = tensor->data;
    // The format lets tensors follow each other without padding; compiled code wants 64 bytes.
    if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0 || tensor->bytes == 0) {
      size_t bytes =
          std::max(kAlignment, (tensor->bytes + kAlignment - 1) / kAlignment * kAlignment);
      std::shared_ptr<void> copy(std::aligned_alloc(kAlignment, bytes), std::free);
      if (!copy)
        return fail(AIMC_INTERNAL, file + ": not enough memory for tensor " + quote(name));
      if (tensor->bytes != 0)
        std::memcpy(copy.get(), data, tensor->bytes);
      data = copy.get();
      alignedCopies.push_back(std::move(copy));
    }
    constantPointers.push_back(data);
  }
  return {};
}

Result<void> Package::load() {
  const std::string path = pathOf(kCode);
  auto loaded = Library::load(std::move(code), path);
  if (!loaded)
    return tl::unexpected(loaded.error());
  library = std::move(*loaded);
  const auto *version = static_cast<const uint32_t *>(library->symbol("aimc_abi_version"));
  if (!version)
    return fail(AIMC_BAD_PACKAGE, path + ": expected a symbol 'aimc_abi_version'");
  if (*version != AIMC_ABI_VERSION)
    return fail(AIMC_UNSUPPORTED, path + ": expected ABI version " +
                                      std::to_string(AIMC_ABI_VERSION) + ", but got " +
                                      std::to_string(*version) + ", compile the model again");
  for (const Entry &entry : description.entries) {
    void *symbol = library->symbol(entry.symbol);
    if (!symbol)
      return fail(AIMC_BAD_PACKAGE, path + ": expected a symbol " + quote(entry.symbol));
    entries.push_back(reinterpret_cast<aimc_entry_fn>(symbol));
  }
  return checkSignature(path);
}

/// Code trusts sizes: a manifest that tells others may be whole, but it is not this code's.
Result<void> Package::checkSignature(const std::string &path) const {
  const auto *compiled = static_cast<const char *>(library->symbol("aimc_signature"));
  if (!compiled)
    return fail(AIMC_BAD_PACKAGE,
                path + ": expected a symbol 'aimc_signature', compile the model again");
  const Manifest &m = description;
  Signature described;
  described.processor(m.triple, m.features);
  described.count("constants", m.constants.size());
  for (size_t i = 0; i < m.constants.size(); ++i) {
    const StoredTensor *tensor = tensors->find(m.constants[i]);
    described.constant(i, tensor->dtype, tensor->shape);
  }
  described.count("grids", m.grids.size());
  for (size_t i = 0; i < m.grids.size(); ++i) {
    std::vector<int64_t> columns;
    for (int index : m.grids[i].weights)
      columns.push_back(m.weights[size_t(index)].cols);
    described.grid(i, m.weights[size_t(m.grids[i].weights[0])].rows, columns);
  }
  described.count("entries", m.entries.size());
  for (const Entry &entry : m.entries) {
    described.entry(entry.symbol, entry.arenaBytes, entry.inputs.size(), entry.outputs.size());
    for (const Port &port : entry.inputs)
      described.port("input", port.name, dtypeName(port.dtype), port.shape);
    for (const Port &port : entry.outputs)
      described.port("output", port.name, dtypeName(port.dtype), port.shape);
  }
  std::string_view expected = compiled, got = described.text;
  while (!expected.empty() || !got.empty()) {
    const std::string_view wanted = expected.substr(0, expected.find('\n')),
                           given = got.substr(0, got.find('\n'));
    if (wanted != given)
      return fail(AIMC_BAD_PACKAGE, pathOf("manifest.json") +
                                        ": expected what model.so was compiled for, \"" +
                                        std::string(wanted) + "\", but got \"" +
                                        std::string(given) + "\"; compile the model again");
    expected.remove_prefix(std::min(expected.size(), wanted.size() + 1));
    got.remove_prefix(std::min(got.size(), given.size() + 1));
  }
  return {};
}

} // namespace aimc::exec
