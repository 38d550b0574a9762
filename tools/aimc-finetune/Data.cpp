//===- Data.cpp - examples from .npz files --------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Integers are widened to what the model wants: NumPy's default differs between systems.
//
//===----------------------------------------------------------------------===//
#include "Data.h"
#include "Npz.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <cstring>

namespace aimc::finetune {

using train::Error;

namespace {
at::Tensor tensorOf(const run::Array &array) {
  at::ScalarType type = array.dtype == AIMC_F32   ? at::kFloat
                        : array.dtype == AIMC_I64 ? at::kLong
                        : array.dtype == AIMC_I32 ? at::kInt
                                                  : at::kBool;
  at::Tensor tensor = at::empty(array.shape, at::TensorOptions(type));
  if (!array.data.empty())
    std::memcpy(tensor.mutable_data_ptr(), array.data.data(), array.data.size());
  return tensor;
}

const run::Array *find(const std::vector<run::Array> &arrays, const std::string &name) {
  auto found = std::find_if(arrays.begin(), arrays.end(),
                            [&](const run::Array &array) { return array.name == name; });
  return found == arrays.end() ? nullptr : &*found;
}

std::string namesOf(const std::vector<run::Array> &arrays) {
  std::string names;
  for (const run::Array &array : arrays)
    names += (names.empty() ? "'" : ", '") + array.name + "'";
  return names.empty() ? "nothing" : names;
}
} // namespace

train::Result<train::Dataset> readDataset(const std::string &path, const std::string &labels,
                                          const std::vector<onnx::InputInfo> &inputs, bool needed) {
  auto arrays = run::readNpz(path);
  if (!arrays)
    return tl::unexpected(Error{arrays.error()});
  train::Dataset data;
  data.name = path;
  for (const onnx::InputInfo &input : inputs) {
    const run::Array *array = find(*arrays, input.name);
    if (!array)
      return tl::unexpected(Error{path + ": expected an array for the model's input '" +
                                  input.name + "', but got " + namesOf(*arrays)});
    at::Tensor tensor = tensorOf(*array);
    if (input.dtype == onnx::DType::I64 && tensor.scalar_type() == at::kInt)
      tensor = tensor.to(at::kLong);
    if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>())
      return tl::unexpected(
          Error{path + ": '" + input.name + "': expected numbers that are finite"});
    data.inputs[input.name] = tensor;
  }
  if (!inputs.empty() && data.inputs[inputs[0].name].dim() > 0)
    data.size = data.inputs[inputs[0].name].size(0);
  if (data.size == 0)
    return tl::unexpected(Error{path + ": expected at least one example"});

  std::string file = path, name = labels;
  if (size_t colon = labels.rfind(".npz:"); colon != std::string::npos) {
    file = labels.substr(0, colon + 4);
    name = labels.substr(colon + 5);
    arrays = run::readNpz(file);
    if (!arrays)
      return tl::unexpected(Error{arrays.error()});
  }
  const run::Array *array = find(*arrays, name);
  if (!array && needed)
    return tl::unexpected(Error{file + ": expected an array of labels called '" + name +
                                "', but got " + namesOf(*arrays)});
  if (array) {
    data.labels = tensorOf(*array);
    if (data.labels.scalar_type() == at::kInt)
      data.labels = data.labels.to(at::kLong);
  }
  return data;
}

} // namespace aimc::finetune
