//===- Proto.h - protobuf classes of ONNX -----------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The one place that includes the distribution's generated classes, and access to the fields that
// are younger than they are: those survive parsing as unknown fields.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <onnx/onnx_pb.h>
#include <string>
#include <vector>

namespace aimc::onnx {
namespace pb = ::onnx;

// Field numbers of onnx.proto that the classes may lack.
inline constexpr int kNodeOverload = 8;
inline constexpr int kNodeMetadata = 9;
inline constexpr int kFunctionAttributeProto = 11;
inline constexpr int kFunctionOverload = 13;

/// The byte strings that `message` holds in field `number` unknown to its class.
template <class Message> std::vector<std::string> unknownBytes(const Message &message, int number) {
  std::vector<std::string> found;
  const auto &fields = message.unknown_fields();
  for (int i = 0; i < fields.field_count(); ++i)
    if (fields.field(i).number() == number &&
        fields.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      found.push_back(fields.field(i).length_delimited());
  return found;
}

/// Overload name of a node or a function.
template <class Message> std::string overloadOf(const Message &message, int number) {
  std::vector<std::string> found = unknownBytes(message, number);
  return found.empty() ? std::string() : found.back();
}

/// The dotted module path that torch recorded for `node`, or "".
std::string moduleScope(const pb::NodeProto &node);

} // namespace aimc::onnx
