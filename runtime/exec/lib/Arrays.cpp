//===- Arrays.cpp - the caller's arrays, matched and checked --------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Arrays.h"

#include "aimc/exec/Safetensors.h"

#include <cmath>
#include <cstring>

namespace aimc::exec {

namespace {
std::string typeText(int32_t dtype, const int64_t *shape, size_t rank) {
  return std::string(dtypeName(dtype)) + " " + shapeText(shape, rank);
}

std::string listNames(const std::vector<Port> &ports) {
  std::string list;
  for (const Port &port : ports)
    list += (list.empty() ? "" : ", ") + quote(port.name);
  return list.empty() ? "none" : list;
}

/// "[0, 3, 17]" of element `index`.
std::string position(const Port &port, int64_t index) {
  std::vector<int64_t> at(port.shape.size());
  for (size_t d = at.size(); d-- > 0;) {
    at[d] = index % port.shape[d];
    index /= port.shape[d];
  }
  return shapeText(at);
}
} // namespace

Result<std::vector<void *>> matchArrays(const char *kind, const std::vector<Port> &ports,
                                        const aimc_tensor *arrays, int32_t count) {
  if (count < 0 || (count > 0 && !arrays))
    return fail(AIMC_INVALID_ARGUMENT, std::string(kind) + "s: expected an array of tensors");
  std::vector<void *> pointers(ports.size(), nullptr);
  std::vector<bool> seen(ports.size(), false);
  for (int32_t i = 0; i < count; ++i) {
    const aimc_tensor &array = arrays[i];
    if (!array.name)
      return fail(AIMC_INVALID_ARGUMENT,
                  std::string(kind) + " " + std::to_string(i) + ": expected a name");
    size_t p = 0;
    while (p < ports.size() && ports[p].name != array.name)
      ++p;
    std::string label = std::string(kind) + " " + quote(array.name) + ": ";
    if (p == ports.size())
      return fail(AIMC_INVALID_ARGUMENT, label + "unknown name, expected " + listNames(ports));
    if (seen[p])
      return fail(AIMC_INVALID_ARGUMENT, label + "given twice");
    const Port &port = ports[p];
    if (array.rank < 0 || array.rank > 64 || (array.rank > 0 && !array.shape))
      return fail(AIMC_INVALID_ARGUMENT, label + "expected a shape of rank " +
                                             std::to_string(port.shape.size()) + ", but got rank " +
                                             std::to_string(array.rank));
    auto rank = static_cast<size_t>(array.rank);
    bool same = array.dtype == port.dtype && rank == port.shape.size();
    for (size_t d = 0; same && d < rank; ++d)
      same = array.shape[d] == port.shape[d];
    if (!same)
      return fail(AIMC_INVALID_ARGUMENT,
                  label + "expected " + typeText(port.dtype, port.shape.data(), port.shape.size()) +
                      ", but got " + typeText(array.dtype, array.shape, rank));
    if (!array.data && port.bytes() != 0)
      return fail(AIMC_INVALID_ARGUMENT, label + "expected a data pointer, but got NULL");
    if (reinterpret_cast<uintptr_t>(array.data) % static_cast<uintptr_t>(dtypeBytes(port.dtype)) !=
        0)
      return fail(AIMC_INVALID_ARGUMENT, label + "expected data aligned to " +
                                             std::to_string(dtypeBytes(port.dtype)) + " bytes");
    pointers[p] = array.data;
    seen[p] = true;
  }
  for (size_t p = 0; p < ports.size(); ++p)
    if (!seen[p])
      return fail(AIMC_INVALID_ARGUMENT,
                  std::string(kind) + " " + quote(ports[p].name) + ": expected " +
                      typeText(ports[p].dtype, ports[p].shape.data(), ports[p].shape.size()) +
                      ", but it is missing");
  return pointers;
}

Result<void> checkValues(const Port &port, const void *data) {
  int64_t elements = port.bytes() / dtypeBytes(port.dtype);
  auto refuse = [&](int64_t i, const char *expected, const std::string &got) {
    return fail(AIMC_INVALID_ARGUMENT, "input " + quote(port.name) + ": expected " + expected +
                                           ", but got " + got + " at " + position(port, i));
  };
  if (port.dtype == AIMC_F32) {
    const auto *values = static_cast<const float *>(data);
    for (int64_t i = 0; i < elements; ++i)
      if (!std::isfinite(values[i]))
        return refuse(i, "finite values", std::isnan(values[i]) ? "nan" : "inf");
  } else if (port.dtype == AIMC_BOOL) {
    const auto *values = static_cast<const unsigned char *>(data);
    for (int64_t i = 0; i < elements; ++i)
      if (values[i] > 1)
        return refuse(i, "0 or 1", std::to_string(values[i]));
  }
  return {};
}

} // namespace aimc::exec
