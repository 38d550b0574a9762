//===- ModelBuilder.h - small models for tests ------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Writes ONNX files field by field, so that tests can say exactly what a file holds, valid or not.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/onnx/Graph.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

namespace aimc::test {
namespace pb = ::onnx;
using Ints = std::vector<int64_t>;

/// A folder that goes away with the test.
class TempFolder {
public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "aimc-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      std::abort();
    path = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string &name) const { return (path / name).string(); }
  std::filesystem::path path;
};

inline void write(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

template <class T> constexpr pb::TensorProto::DataType onnxType() {
  if constexpr (std::is_same_v<T, float>)
    return pb::TensorProto::FLOAT;
  else if constexpr (std::is_same_v<T, int64_t>)
    return pb::TensorProto::INT64;
  else if constexpr (std::is_same_v<T, int32_t>)
    return pb::TensorProto::INT32;
  else
    return pb::TensorProto::BOOL;
}

template <class T>
pb::TensorProto tensor(const std::string &name, const Ints &shape, const std::vector<T> &data) {
  pb::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(onnxType<T>());
  for (int64_t dim : shape)
    proto.add_dims(dim);
  std::string raw;
  for (T value : data)
    raw.append(reinterpret_cast<const char *>(&value), sizeof value);
  proto.set_raw_data(raw);
  return proto;
}

class ModelBuilder {
public:
  explicit ModelBuilder(int opset = 17) {
    model.set_ir_version(8);
    model.set_producer_name("test");
    model.mutable_graph()->set_name("g");
    import("", opset);
  }
  pb::GraphProto &graph() { return *model.mutable_graph(); }

  ModelBuilder &import(const std::string &domain, int64_t version) {
    auto *opset = model.add_opset_import();
    opset->set_domain(domain);
    opset->set_version(version);
    return *this;
  }
  /// Dimensions as text: digits are sizes, "" has neither size nor name, the rest are names.
  pb::ValueInfoProto &input(const std::string &name, const std::vector<std::string> &dims,
                            int type = pb::TensorProto::FLOAT) {
    auto *info = graph().add_input();
    info->set_name(name);
    auto *tensorType = info->mutable_type()->mutable_tensor_type();
    tensorType->set_elem_type(type);
    tensorType->mutable_shape();
    for (const std::string &dim : dims) {
      auto *added = tensorType->mutable_shape()->add_dim();
      if (!dim.empty() && (std::isdigit(dim[0]) || dim[0] == '-') &&
          dim.find_first_not_of("-0123456789") == std::string::npos)
        added->set_dim_value(std::stoll(dim));
      else if (!dim.empty())
        added->set_dim_param(dim);
    }
    return *info;
  }
  ModelBuilder &output(const std::string &name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  template <class T>
  ModelBuilder &initializer(const std::string &name, const Ints &shape,
                            const std::vector<T> &data) {
    *graph().add_initializer() = tensor<T>(name, shape, data);
    return *this;
  }
  pb::NodeProto &node(const std::string &op, const std::vector<std::string> &inputs,
                      const std::vector<std::string> &outputs, const std::string &domain = "") {
    return fill(*graph().add_node(), op, inputs, outputs, domain);
  }
  static pb::NodeProto &fill(pb::NodeProto &node, const std::string &op,
                             const std::vector<std::string> &inputs,
                             const std::vector<std::string> &outputs,
                             const std::string &domain = "") {
    node.set_op_type(op);
    node.set_domain(domain);
    for (const auto &name : inputs)
      node.add_input(name);
    for (const auto &name : outputs)
      node.add_output(name);
    return node;
  }
  std::string bytes() const { return model.SerializeAsString(); }
  void save(const std::string &path) const { write(path, bytes()); }

  pb::ModelProto model;
};

inline pb::AttributeProto &attribute(pb::NodeProto &node, const std::string &name) {
  auto *added = node.add_attribute();
  added->set_name(name);
  return *added;
}
inline pb::NodeProto &set(pb::NodeProto &node, const std::string &name, int64_t value) {
  auto &added = attribute(node, name);
  added.set_type(pb::AttributeProto::INT);
  added.set_i(value);
  return node;
}
inline pb::NodeProto &set(pb::NodeProto &node, const std::string &name, const Ints &values) {
  auto &added = attribute(node, name);
  added.set_type(pb::AttributeProto::INTS);
  for (int64_t value : values)
    added.add_ints(value);
  return node;
}
inline pb::NodeProto &set(pb::NodeProto &node, const std::string &name, float value) {
  auto &added = attribute(node, name);
  added.set_type(pb::AttributeProto::FLOAT);
  added.set_f(value);
  return node;
}
inline pb::NodeProto &set(pb::NodeProto &node, const std::string &name, const char *value) {
  auto &added = attribute(node, name);
  added.set_type(pb::AttributeProto::STRING);
  added.set_s(value);
  return node;
}
inline pb::NodeProto &set(pb::NodeProto &node, const std::string &name,
                          const pb::TensorProto &value) {
  auto &added = attribute(node, name);
  added.set_type(pb::AttributeProto::TENSOR);
  *added.mutable_t() = value;
  return node;
}

/// Saves and loads; the graph outlives the file.
inline tl::expected<onnx::Graph, onnx::Error> loaded(const ModelBuilder &builder,
                                                     const onnx::LoadOptions &options = {}) {
  TempFolder folder;
  builder.save(folder.file("model.onnx"));
  return onnx::load(folder.file("model.onnx"), options);
}

/// The graph, with a test failure instead of one that does not load.
inline onnx::Graph graphOf(const ModelBuilder &builder, const onnx::LoadOptions &options = {}) {
  auto result = loaded(builder, options);
  EXPECT_TRUE(result.has_value()) << result.error().message;
  return result ? std::move(*result) : onnx::Graph();
}

/// The error text of a model that must not load.
inline std::string errorOf(const ModelBuilder &builder, const onnx::LoadOptions &options = {}) {
  auto result = loaded(builder, options);
  EXPECT_FALSE(result.has_value());
  return result ? "" : result.error().message;
}

#define EXPECT_SAYS(message, part)                                                                 \
  do {                                                                                             \
    std::string said = (message);                                                                  \
    EXPECT_NE(said.find(part), std::string::npos) << "the message is: " << said;                   \
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;                                         \
  } while (false)

template <class T> std::vector<T> elements(const onnx::Value &value) {
  if (!value.constant) {
    ADD_FAILURE() << value.name << " is not a constant";
    return {};
  }
  const T *data = value.constant->as<T>();
  return std::vector<T>(data, data + value.constant->type.elements());
}

inline std::vector<std::string> opsOf(const onnx::Graph &graph) {
  std::vector<std::string> ops;
  for (const auto &node : graph.nodes)
    ops.push_back(node.op);
  return ops;
}

inline const onnx::Value &output(const onnx::Graph &graph, size_t i = 0) {
  return graph.value(graph.outputs.at(i));
}

} // namespace aimc::test
