//===- WriteBack.cpp - the model with new weights -------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// New elements take the place of the old ones where those lie: in raw bytes, in a typed field, or
// in a copy of the external file at the same offset. Two tensors may share bytes of a file; then
// what is tuned moves to the end of the copy, so that the other keeps its own.
//
//===----------------------------------------------------------------------===//
#include "ModelState.h"
#include "OutputFiles.h"
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <unordered_map>
#include <unordered_set>

namespace aimc::onnx {

namespace {
using TensorList = std::vector<pb::TensorProto *>;

void collect(pb::GraphProto &graph, TensorList &tensors);

void collect(pb::NodeProto &node, TensorList &tensors) {
  for (pb::AttributeProto &attribute : *node.mutable_attribute()) {
    if (attribute.has_t())
      tensors.push_back(attribute.mutable_t());
    for (pb::TensorProto &tensor : *attribute.mutable_tensors())
      tensors.push_back(&tensor);
    if (attribute.has_g())
      collect(*attribute.mutable_g(), tensors);
    for (pb::GraphProto &graph : *attribute.mutable_graphs())
      collect(graph, tensors);
  }
}

/// Every tensor below `graph`.
void collect(pb::GraphProto &graph, TensorList &tensors) {
  for (pb::TensorProto &tensor : *graph.mutable_initializer())
    tensors.push_back(&tensor);
  for (pb::NodeProto &node : *graph.mutable_node())
    collect(node, tensors);
}

/// `value` rounded to the nearest float16, ties to even; rejects what would become infinite.
uint16_t toHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude == 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude >= 0x477ff000) // 65520 and more
    reject("expected values that fit float16, but got ", value);
  if (magnitude < 0x38800000) // below 2^-14: a multiple of 2^-24
    return static_cast<uint16_t>(
        sign | static_cast<uint32_t>(std::nearbyint(std::fabs(value) * 16777216.0f)));
  uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1) - (112u << 23);
  return static_cast<uint16_t>(sign | rounded >> 13);
}

uint16_t toBfloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// `values` as the bytes of `onnxType`.
std::string encode(int onnxType, std::span<const float> values) {
  std::string bytes(values.size() * storedBytes(onnxType), '\0');
  char *at = bytes.data();
  for (float value : values) {
    if (onnxType == pb::TensorProto::FLOAT) {
      std::memcpy(at, &value, sizeof value);
    } else if (onnxType == pb::TensorProto::DOUBLE) {
      double wide = value;
      std::memcpy(at, &wide, sizeof wide);
    } else {
      uint16_t half = onnxType == pb::TensorProto::FLOAT16 ? toHalf(value) : toBfloat(value);
      std::memcpy(at, &half, sizeof half);
    }
    at += storedBytes(onnxType);
  }
  return bytes;
}

/// Replace elements that lie in `tensor` itself, in the field that holds them now.
void replaceInside(pb::TensorProto &tensor, std::span<const float> values) {
  std::string bytes = encode(tensor.data_type(), values);
  if (tensor.has_raw_data()) {
    tensor.set_raw_data(std::move(bytes));
  } else if (tensor.data_type() == pb::TensorProto::FLOAT) {
    std::copy(values.begin(), values.end(), tensor.mutable_float_data()->begin());
  } else if (tensor.data_type() == pb::TensorProto::DOUBLE) {
    std::copy(values.begin(), values.end(), tensor.mutable_double_data()->begin());
  } else {
    for (size_t i = 0; i < values.size(); ++i) {
      uint16_t half;
      std::memcpy(&half, bytes.data() + 2 * i, sizeof half);
      tensor.set_int32_data(static_cast<int>(i), half);
    }
  }
}

void setEntry(pb::TensorProto &tensor, const std::string &key, const std::string &value) {
  for (auto &entry : *tensor.mutable_external_data())
    if (entry.key() == key)
      return entry.set_value(value);
  auto *entry = tensor.add_external_data();
  entry->set_key(key);
  entry->set_value(value);
}

void dropEntry(pb::TensorProto &tensor, std::string_view key) {
  auto *entries = tensor.mutable_external_data();
  entries->erase(std::remove_if(entries->begin(), entries->end(),
                                [&](const auto &entry) { return entry.key() == key; }),
                 entries->end());
}

std::string baseName(const std::string &path) { return path.substr(path.rfind('/') + 1); }

/// "model.onnx.data" of model.onnx is "tuned.onnx.data" of tuned.onnx.
std::string externalName(const std::string &location, const std::string &from,
                         const std::string &to) {
  std::string flat = location;
  std::replace(flat.begin(), flat.end(), '/', '_');
  bool named = flat.size() > from.size() && flat.compare(0, from.size(), from) == 0;
  return named ? to + flat.substr(from.size()) : to + '.' + flat;
}

class Writer {
public:
  Writer(Model &model, const std::string &from, const std::string &to)
      : model(model), proto(model.proto()), from(baseName(from)), to(baseName(to)), files(to) {
    if (this->to.empty())
      reject("expected the name of a file to write, but got a folder");
    collect(*proto.mutable_graph(), tensors);
    for (pb::FunctionProto &function : *proto.mutable_functions())
      for (pb::NodeProto &node : *function.mutable_node())
        collect(node, tensors);
    for (pb::TensorProto *tensor : tensors)
      if (tensor->data_location() == pb::TensorProto::EXTERNAL)
        external[placeOf(*tensor).location].push_back(tensor);
  }

  void run(const TunedWeights &weights) {
    std::unordered_map<std::string, pb::TensorProto *> initializers;
    for (pb::TensorProto &tensor : *proto.mutable_graph()->mutable_initializer())
      initializers[tensor.name()] = &tensor;
    for (const auto &[name, values] : weights) {
      auto found = initializers.find(name);
      if (found == initializers.end())
        reject("expected the name of an initializer, but the model has none called '", name, "'");
      try {
        check(*found->second, values);
        if (found->second->data_location() == pb::TensorProto::EXTERNAL)
          tuned[found->second] = encode(found->second->data_type(), values);
        else
          replaceInside(*found->second, values);
      } catch (const Rejected &error) {
        reject("initializer '", name, "': ", error.what());
      }
    }
    for (auto &[location, sharers] : external)
      writeExternal(location, sharers);
    writeModel();
    files.commit();
  }

private:
  static ExternalPlace placeOf(const pb::TensorProto &tensor) {
    uint64_t needed = storedBytes(tensor.data_type());
    for (int64_t dim : tensor.dims())
      needed *= static_cast<uint64_t>(dim);
    return externalPlace(tensor, needed);
  }

  static void check(const pb::TensorProto &tensor, std::span<const float> values) {
    switch (tensor.data_type()) {
    case pb::TensorProto::FLOAT:
    case pb::TensorProto::FLOAT16:
    case pb::TensorProto::BFLOAT16:
    case pb::TensorProto::DOUBLE:
      break;
    default:
      reject("expected floating-point elements, but got ",
             pb::TensorProto::DataType_Name(pb::TensorProto::DataType(tensor.data_type())));
    }
    int64_t count = checkedElements({tensor.dims().begin(), tensor.dims().end()});
    if (static_cast<int64_t>(values.size()) != count)
      reject("expected ", count, " elements, but got ", values.size());
  }

  static bool overlap(const ExternalPlace &a, const ExternalPlace &b) {
    return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
  }

  void writeExternal(const std::string &location, const TensorList &sharers) {
    auto source = model.externalFiles().open(location);
    std::string name = externalName(location, from, to);
    if (!names.insert(name).second)
      reject("expected external files whose names stay apart, but two become '", name, "'");
    int fd = files.create(name);
    OutputFiles::write(fd, source->data, source->size, 0);
    uint64_t end = source->size;
    std::vector<ExternalPlace> places;
    for (const pb::TensorProto *tensor : sharers)
      places.push_back(placeOf(*tensor));
    std::vector<size_t> order(places.size());
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return places[a].offset < places[b].offset; });
    std::vector<bool> shared(places.size(), false);
    for (size_t i = 1, widest = 0; i < order.size(); ++i) { // neighbours suffice: sorted by offset
      if (overlap(places[order[widest]], places[order[i]]))
        shared[order[widest]] = shared[order[i]] = true;
      const ExternalPlace &a = places[order[widest]], &b = places[order[i]];
      if (b.offset + b.length >= a.offset + a.length)
        widest = i;
    }
    for (size_t i = 0; i < sharers.size(); ++i) {
      pb::TensorProto &tensor = *sharers[i];
      setEntry(tensor, "location", name);
      auto found = tuned.find(&tensor);
      if (found == tuned.end())
        continue;
      dropEntry(tensor, "checksum");
      uint64_t offset = places[i].offset;
      if (shared[i]) {
        offset = (end + 4095) / 4096 * 4096; // as exporters align, so that files can be mapped
        end = offset + places[i].length;
        setEntry(tensor, "offset", std::to_string(offset));
        setEntry(tensor, "length", std::to_string(places[i].length));
      }
      OutputFiles::write(fd, found->second.data(), found->second.size(), offset);
    }
  }

  void writeModel() {
    if (proto.ByteSizeLong() > INT_MAX)
      reject("expected a model below 2 GiB without its external data, but got ",
             proto.ByteSizeLong(), " bytes");
    google::protobuf::io::FileOutputStream stream(files.create(to));
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    bool written = proto.SerializeToCodedStream(&coded);
    coded.Trim();
    if (!written || coded.HadError() || !stream.Flush())
      reject("cannot write '", to, "': ", std::strerror(stream.GetErrno()));
  }

  Model &model;
  pb::ModelProto proto; ///< a copy: graphs that were made point into the original
  std::string from, to;
  OutputFiles files;
  TensorList tensors;
  std::map<std::string, TensorList> external; ///< by location
  std::unordered_map<const pb::TensorProto *, std::string> tuned;
  std::unordered_set<std::string> names;
};
} // namespace

tl::expected<void, Error> ModelFile::write(const std::string &path,
                                           const TunedWeights &weights) const {
  return guarded(path, [&] { Writer(state->model, state->path, path).run(weights); });
}

} // namespace aimc::onnx
