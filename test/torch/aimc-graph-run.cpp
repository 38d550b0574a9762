//===- aimc-graph-run.cpp - a model through the executor ------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// aimc-graph-run MODEL [--dim=NAME=SIZE].. [--in=FILE].. [--out=FILE].. [--grads=FOLDER]
// Raw arrays in the order of the model's inputs and outputs. With --grads, the gradient of the sum
// of all float outputs, each element weighted by the cosine of its position, goes to one file per
// parameter, called by its position in FOLDER/names.
//
// aimc-graph-run --batch FILE does the same for each line of FILE, whose arguments are separated by
// tabs: LibTorch takes longer to load than most models to run. Errors are printed and counted.
//
//===----------------------------------------------------------------------===//
#include "aimc/torch/Execute.h"

#include <ATen/ATen.h>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

using namespace aimc;

static int fail(const std::string &message) {
  std::fprintf(stderr, "aimc-graph-run: error: %s\n", message.c_str());
  return 1;
}

static void write(const std::string &path, const at::Tensor &tensor) {
  at::Tensor dense = tensor.detach().contiguous();
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char *>(dense.const_data_ptr()),
             static_cast<std::streamsize>(dense.nbytes()));
}

static int runModel(const std::vector<std::string> &arguments) {
  onnx::LoadOptions options;
  options.keepParameters = true;
  std::vector<std::string> in, out;
  std::string model, grads;
  for (const std::string &argument : arguments) {
    auto value = [&] { return argument.substr(argument.find('=') + 1); };
    if (argument.rfind("--dim=", 0) == 0)
      options.dims[value().substr(0, value().rfind('='))] =
          std::stoll(value().substr(value().rfind('=') + 1));
    else if (argument.rfind("--in=", 0) == 0)
      in.push_back(value());
    else if (argument.rfind("--out=", 0) == 0)
      out.push_back(value());
    else if (argument.rfind("--grads=", 0) == 0)
      grads = value();
    else
      model = argument;
  }
  auto graph = onnx::load(model, options);
  if (!graph)
    return fail(graph.error().message);
  auto executor = train::Executor::create(std::make_shared<const onnx::Graph>(std::move(*graph)));
  if (!executor)
    return fail(executor.error().message);
  const onnx::Graph &g = executor->graph();
  if (in.size() != g.inputs.size())
    return fail("expected a file for each of the " + std::to_string(g.inputs.size()) + " inputs");
  std::vector<at::Tensor> inputs;
  for (size_t i = 0; i < in.size(); ++i) {
    std::ifstream stream(in[i], std::ios::binary);
    auto bytes = std::make_shared<std::string>(std::istreambuf_iterator<char>(stream),
                                               std::istreambuf_iterator<char>());
    onnx::Constant constant{g.value(g.inputs[i]).type,
                            reinterpret_cast<const std::byte *>(bytes->data()), bytes};
    if (bytes->size() != constant.bytes())
      return fail(in[i] + ": expected " + std::to_string(constant.bytes()) + " bytes");
    inputs.push_back(train::tensorOf(constant).clone());
  }
  train::Parameters parameters = executor->parameters();
  for (auto &[name, tensor] : parameters)
    tensor = tensor.clone().set_requires_grad(!grads.empty());
  auto results = executor->run(inputs, parameters);
  if (!results)
    return fail(results.error().message);
  for (size_t i = 0; i < out.size() && i < results->size(); ++i)
    write(out[i], (*results)[i]);
  if (grads.empty())
    return 0;
  at::Tensor loss = at::zeros({});
  for (const at::Tensor &result : *results)
    if (result.is_floating_point() && result.requires_grad())
      loss = loss + (result.reshape({-1}) * at::arange(result.numel(), at::kFloat).cos()).sum();
  loss.backward();
  std::ofstream names(grads + "/names");
  size_t position = 0;
  for (const auto &[name, tensor] : parameters) {
    names << name << '\n';
    write(grads + "/" + std::to_string(position++),
          tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor));
  }
  return 0;
}

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 2 || arguments[0] != "--batch")
    return runModel(arguments);
  std::ifstream list(arguments[1]);
  int failures = 0;
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    arguments.clear();
    for (std::string word; std::getline(words, word, '\t');)
      arguments.push_back(word);
    failures += runModel(arguments);
  }
  return failures > 0;
}
