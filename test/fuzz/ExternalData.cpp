//===- ExternalData.cpp - weights beside a model --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The input's lines are dimensions, element type, and keys and values of one tensor's external
// data. The folder has what a hostile model could name beside it.
//
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/onnx/ModelFile.h"

#include <cstring>
#include <filesystem>
#include <onnx/onnx_pb.h>
#include <sys/stat.h>

namespace fs = std::filesystem;
using namespace aimc::onnx;
using namespace aimc::fuzz;

namespace {
constexpr char kSecret = '\x7f'; ///< fills what lies outside of the model's folder
constexpr size_t kBytes = 64;

struct Files {
  Folder folder;
  std::string model;
  Files() : model(folder.path() + "/model") {
    fs::create_directories(model + "/sub");
    folder.put("outside", std::string(kBytes, kSecret));
    folder.put("linked", std::string(kBytes, kSecret));
    folder.put("model/data", std::string(kBytes, '\1'));
    folder.put("model/sub/data", std::string(kBytes, '\2'));
    folder.put("model/empty", "");
    fs::create_symlink("../outside", model + "/symbolic");
    fs::create_symlink("..", model + "/up");
    fs::create_hard_link(folder.path() + "/linked", model + "/hard");
    ::mkfifo((model + "/pipe").c_str(), 0600);
  }
};

std::string modelOf(std::string_view input) {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  auto *graph = model.mutable_graph();
  auto *tensor = graph->add_initializer();
  tensor->set_name("w");
  tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
  auto *output = graph->add_output();
  output->set_name("w");
  const auto line = [&] {
    const size_t end = input.find('\n');
    const std::string one(input.substr(0, end));
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    return one;
  };
  const std::string shape = line();
  for (size_t at = 0; at + 1 < shape.size() && at < 8; at += 2)
    tensor->add_dims(static_cast<int64_t>(static_cast<int8_t>(shape[at]))
                     << (static_cast<unsigned char>(shape[at + 1]) % 32));
  const std::string type = line();
  tensor->set_data_type(type.empty() ? 1 : type[0] - '0');
  for (int i = 0; i < 8 && !input.empty(); ++i) {
    auto *entry = tensor->add_external_data();
    entry->set_key(line());
    entry->set_value(line());
  }
  return model.SerializeAsString();
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Files files;
  const std::string path = files.folder.put("model/model.onnx", modelOf(textOf(data, size)));
  const auto graph = load(path, {});
  if (!graph) {
    requireLine(graph.error().message);
    return 0;
  }
  for (const Value &value : graph->values)
    if (value.constant)
      for (size_t i = 0; i < value.constant->bytes(); ++i)
        require(static_cast<char>(value.constant->data[i]) != kSecret,
                "expected nothing from outside of the folder");
  return 0;
}
