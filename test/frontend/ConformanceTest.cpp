//===- ConformanceTest.cpp - ONNX's own node tests --------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The node tests that the onnx package ships, as an oracle for type rules and for the evaluator:
// with every input given as a constant, whatever folds must have the expected value, and whatever
// does not must have the expected type. Operators without a row must say so.
//
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

namespace aimc::test {
namespace {
namespace fs = std::filesystem;

/// Sequences and optionals would parse as tensors of nonsense.
bool allTensors(const pb::GraphProto &graph) {
  auto isTensor = [](const pb::ValueInfoProto &value) { return value.type().has_tensor_type(); };
  return std::all_of(graph.input().begin(), graph.input().end(), isTensor) &&
         std::all_of(graph.output().begin(), graph.output().end(), isTensor);
}

template <class Message> std::optional<Message> parse(const fs::path &path) {
  std::ifstream stream(path, std::ios::binary);
  Message message;
  if (!stream || !message.ParseFromIstream(&stream))
    return std::nullopt;
  return message;
}

/// Our types only; the rest of the suite is about types that no analog flow computes with.
std::optional<onnx::DType> ours(int type) {
  switch (type) {
  case pb::TensorProto::FLOAT:
    return onnx::DType::F32;
  case pb::TensorProto::INT64:
    return onnx::DType::I64;
  case pb::TensorProto::INT32:
    return onnx::DType::I32;
  case pb::TensorProto::BOOL:
    return onnx::DType::Bool;
  default:
    return std::nullopt;
  }
}

/// The suite stores raw data only for the types above.
std::optional<onnx::Constant> constantOf(const pb::TensorProto &tensor) {
  auto dtype = ours(tensor.data_type());
  if (!dtype)
    return std::nullopt;
  onnx::Constant constant;
  constant.type = {*dtype, {tensor.dims().begin(), tensor.dims().end()}};
  auto bytes = std::make_shared<std::string>(tensor.raw_data());
  if (bytes->size() != constant.bytes())
    return std::nullopt;
  bytes->reserve(64); // off the object itself, hence aligned
  constant.data = reinterpret_cast<const std::byte *>(bytes->data());
  constant.owner = bytes;
  return constant;
}

bool close(const onnx::Constant &got, const onnx::Constant &want) {
  if (got.type.dtype != onnx::DType::F32)
    return std::memcmp(got.data, want.data, want.bytes()) == 0;
  for (int64_t i = 0; i < want.type.elements(); ++i) {
    float a = got.as<float>()[i], b = want.as<float>()[i];
    if (!(a == b || (std::isnan(a) && std::isnan(b)) ||
          std::abs(a - b) <= 1e-6f + 1e-5f * std::abs(b)))
      return false;
  }
  return true;
}

TEST(Conformance, NodeTests) {
  const char *data = std::getenv("AIMC_ONNX_TESTDATA");
  if (!data || !fs::is_directory(fs::path(data) / "node"))
    GTEST_SKIP() << "AIMC_ONNX_TESTDATA does not name the onnx package's backend/test/data";
  int values = 0, types = 0, atRunTime = 0;
  std::map<std::string, int> refused;
  for (const auto &entry : fs::directory_iterator(fs::path(data) / "node")) {
    auto model = parse<pb::ModelProto>(entry.path() / "model.onnx");
    if (!model || !allTensors(model->graph()))
      continue;
    fs::path set = entry.path() / "test_data_set_0";
    onnx::LoadOptions options;
    std::vector<onnx::Constant> wanted;
    bool applies = true;
    for (int i = 0; i < model->graph().input_size() && applies; ++i) {
      auto tensor = parse<pb::TensorProto>(set / ("input_" + std::to_string(i) + ".pb"));
      auto constant = tensor ? constantOf(*tensor) : std::nullopt;
      applies = constant.has_value();
      if (applies)
        options.constants[model->graph().input(i).name()] = *constant;
    }
    for (int i = 0; i < model->graph().output_size() && applies; ++i) {
      auto tensor = parse<pb::TensorProto>(set / ("output_" + std::to_string(i) + ".pb"));
      auto constant = tensor ? constantOf(*tensor) : std::nullopt;
      applies = constant.has_value();
      if (applies)
        wanted.push_back(*constant);
    }
    if (!applies)
      continue;
    std::string test = entry.path().filename().string();
    // without the values: what loads must have the same types
    if (auto open = onnx::load((entry.path() / "model.onnx").string(), {})) {
      ++atRunTime;
      for (size_t i = 0; i < wanted.size(); ++i)
        EXPECT_EQ(output(*open, i).type, wanted[i].type) << test << '\n' << dump(*open);
    }
    auto graph = onnx::load((entry.path() / "model.onnx").string(), options);
    if (!graph) {
      const std::string &message = graph.error().message;
      bool known = message.find("this operator is not supported") != std::string::npos ||
                   message.find("elements of FLOAT") != std::string::npos ||
                   message.find("expected opset 11 to 27") != std::string::npos ||
                   message.find("for inference, but training_mode is set") != std::string::npos;
      EXPECT_TRUE(known) << message;
      size_t cause = message.find(": ");
      ++refused[message.substr(cause + 2)];
      continue;
    }
    ASSERT_EQ(graph->outputs.size(), wanted.size()) << test;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const onnx::Value &got = output(*graph, i);
      EXPECT_EQ(got.type, wanted[i].type) << test << '\n' << dump(*graph);
      if (got.type != wanted[i].type)
        continue;
      if (got.constant) {
        ++values;
        EXPECT_TRUE(close(*got.constant, wanted[i])) << test << '\n' << dump(*graph);
      } else {
        ++types;
      }
    }
  }
  for (const auto &[reason, count] : refused)
    std::printf("refused %3d %s\n", count, reason.c_str());
  std::printf("%d values, %d types, %d models with inputs\n", values, types, atRunTime);
  EXPECT_GE(values, 300);
  EXPECT_GE(types, 100);
  EXPECT_GE(atRunTime, 300);
}
} // namespace
} // namespace aimc::test
