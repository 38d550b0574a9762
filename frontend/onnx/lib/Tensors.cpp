//===- Tensors.cpp - constants from TensorProto -----------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A tensor's payload sits in raw bytes, in a typed field or in a file beside the model. Whatever
// already has the right type and alignment is referenced in place; the rest is converted once.
//
//===----------------------------------------------------------------------===//
#include "Reader.h"
#include <charconv>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace aimc::onnx {

size_t storedBytes(int onnxType) {
  switch (onnxType) {
  case pb::TensorProto::BOOL:
    return 1;
  case pb::TensorProto::FLOAT16:
  case pb::TensorProto::BFLOAT16:
    return 2;
  case pb::TensorProto::DOUBLE:
  case pb::TensorProto::INT64:
    return 8;
  default:
    return 4;
  }
}

namespace {
float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float fromHalf(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 31;
  uint32_t mantissa = half & 0x3ff;
  if (exponent == 31)
    return fromBits(sign | 0x7f800000 | mantissa << 13);
  if (exponent)
    return fromBits(sign | (exponent + 112) << 23 | mantissa << 13);
  float magnitude = float(mantissa) / 16777216.0f; // subnormal: mantissa * 2^-24, exact
  return sign ? -magnitude : magnitude;
}

float fromBfloat(uint16_t value) { return fromBits(uint32_t(value) << 16); }

/// Convert `count` stored elements at `source`, of any alignment.
void convert(int onnxType, const std::byte *source, int64_t count, OwnedConstant &out) {
  size_t step = storedBytes(onnxType);
  for (int64_t i = 0; i < count; ++i) {
    const std::byte *at = source + static_cast<size_t>(i) * step;
    uint16_t half;
    double wide;
    switch (onnxType) {
    case pb::TensorProto::FLOAT16:
    case pb::TensorProto::BFLOAT16:
      std::memcpy(&half, at, sizeof half);
      out.as<float>()[i] = onnxType == pb::TensorProto::FLOAT16 ? fromHalf(half) : fromBfloat(half);
      break;
    case pb::TensorProto::DOUBLE:
      std::memcpy(&wide, at, sizeof wide);
      out.as<float>()[i] = static_cast<float>(wide);
      break;
    case pb::TensorProto::BOOL:
      out.as<uint8_t>()[i] = *at != std::byte{0};
      break;
    default:
      std::memcpy(out.data + static_cast<size_t>(i) * step, at, step);
    }
  }
}

bool usableInPlace(int onnxType, const std::byte *data, int64_t count) {
  switch (onnxType) {
  case pb::TensorProto::BOOL:
    for (int64_t i = 0; i < count; ++i)
      if (data[i] > std::byte{1})
        return false;
    return true;
  case pb::TensorProto::FLOAT:
  case pb::TensorProto::INT32:
  case pb::TensorProto::INT64:
    return reinterpret_cast<uintptr_t>(data) % storedBytes(onnxType) == 0;
  default:
    return false;
  }
}

std::shared_ptr<const Constant> fromBytes(int onnxType, const TensorType &type,
                                          const std::byte *data,
                                          std::shared_ptr<const void> owner) {
  int64_t count = type.elements();
  if (count && usableInPlace(onnxType, data, count)) {
    auto constant = std::make_shared<Constant>();
    constant->type = type;
    constant->data = data;
    constant->owner = std::move(owner);
    return constant;
  }
  OwnedConstant owned = allocate(type);
  convert(onnxType, data, count, owned);
  return owned.constant;
}

template <class Field, class Convert>
std::shared_ptr<const Constant> fromField(const TensorType &type, const Field &field,
                                          Convert element) {
  int64_t count = type.elements();
  if (field.size() != count)
    reject("expected ", count, " elements, but got ", field.size());
  OwnedConstant owned = allocate(type);
  for (int64_t i = 0; i < count; ++i)
    element(owned, i, field[static_cast<int>(i)]);
  return owned.constant;
}

std::shared_ptr<const Constant> fromTypedField(const pb::TensorProto &tensor,
                                               const TensorType &type) {
  switch (tensor.data_type()) {
  case pb::TensorProto::FLOAT:
    return fromField(type, tensor.float_data(),
                     [](OwnedConstant &out, int64_t i, float v) { out.as<float>()[i] = v; });
  case pb::TensorProto::DOUBLE:
    return fromField(type, tensor.double_data(), [](OwnedConstant &out, int64_t i, double v) {
      out.as<float>()[i] = static_cast<float>(v);
    });
  case pb::TensorProto::INT64:
    return fromField(type, tensor.int64_data(),
                     [](OwnedConstant &out, int64_t i, int64_t v) { out.as<int64_t>()[i] = v; });
  case pb::TensorProto::INT32:
    return fromField(type, tensor.int32_data(),
                     [](OwnedConstant &out, int64_t i, int32_t v) { out.as<int32_t>()[i] = v; });
  case pb::TensorProto::BOOL:
    return fromField(type, tensor.int32_data(),
                     [](OwnedConstant &out, int64_t i, int32_t v) { out.as<bool>()[i] = v != 0; });
  case pb::TensorProto::FLOAT16:
    return fromField(type, tensor.int32_data(), [](OwnedConstant &out, int64_t i, int32_t v) {
      out.as<float>()[i] = fromHalf(static_cast<uint16_t>(v));
    });
  default:
    return fromField(type, tensor.int32_data(), [](OwnedConstant &out, int64_t i, int32_t v) {
      out.as<float>()[i] = fromBfloat(static_cast<uint16_t>(v));
    });
  }
}

/// Offset or length of external data: a plain decimal number.
uint64_t number(const std::string &key, const std::string &value) {
  uint64_t result = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc() || end != value.data() + value.size())
    reject("expected external data to have a number as its ", key, ", but got '", value, "'");
  return result;
}
} // namespace

ExternalPlace externalPlace(const pb::TensorProto &tensor, uint64_t needed) {
  ExternalPlace place{"", 0, needed};
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      place.location = entry.value();
    else if (entry.key() == "offset")
      place.offset = number("offset", entry.value());
    else if (entry.key() == "length")
      place.length = number("length", entry.value());
  }
  return place;
}

std::shared_ptr<const Constant> Model::tensor(const pb::TensorProto &tensor,
                                              const std::string &what) try {
  if (tensor.has_segment())
    reject("expected a tensor in one piece, but got a segment");
  TensorType type{elementType(tensor.data_type()), {tensor.dims().begin(), tensor.dims().end()}};
  uint64_t needed =
      static_cast<uint64_t>(checkedElements(type.shape)) * storedBytes(tensor.data_type());
  if (tensor.data_location() == pb::TensorProto::EXTERNAL) {
    auto [location, offset, length] = externalPlace(tensor, needed);
    if (length != needed)
      reject("expected ", needed, " bytes for ", text(type.shape), ", but got a length of ",
             length);
    std::shared_ptr<const MappedFile> file = files.open(location);
    if (offset > file->size || length > file->size - offset)
      reject("expected ", length, " bytes at offset ", offset, " of '", location,
             "', but the file ends at ", file->size);
    return fromBytes(tensor.data_type(), type, file->data + offset, file);
  }
  if (tensor.has_raw_data()) {
    const std::string &raw = tensor.raw_data();
    if (raw.size() != needed)
      reject("expected ", needed, " bytes for ", text(type.shape), ", but got ", raw.size());
    return fromBytes(tensor.data_type(), type, reinterpret_cast<const std::byte *>(raw.data()),
                     message);
  }
  return fromTypedField(tensor, type);
} catch (const Rejected &error) {
  reject(what, ": ", error.what());
}

void Model::release(const pb::TensorProto &tensor, const Constant &constant) {
  if (tensor.data_location() == pb::TensorProto::EXTERNAL) {
    std::shared_ptr<const MappedFile> file = files.open(externalPlace(tensor, 0).location);
    if (constant.data < file->data || constant.data >= file->data + file->size)
      return; // converted: a buffer of its own
    auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    auto begin = (reinterpret_cast<uintptr_t>(constant.data) + page - 1) / page * page;
    auto end = reinterpret_cast<uintptr_t>(constant.data + constant.bytes()) / page * page;
    if (begin < end) // the file's pages come back when somebody reads them after all
      ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
    return;
  }
  auto &own = const_cast<pb::TensorProto &>(tensor); // the message is this object's
  if (own.has_raw_data())
    std::string().swap(*own.mutable_raw_data());
}

} // namespace aimc::onnx
