//===- Attributes.h - attributes and order of nodes -------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Plain readings of protobuf messages that the walk over a graph needs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Reader.h"

namespace aimc::onnx {

/// Type of `attribute`, inferred where very old files leave it unset.
pb::AttributeProto::AttributeType typeOf(const pb::AttributeProto &attribute);

/// `attribute` as a value of the graph; rejects graphs, sparse tensors and lists of tensors.
Attribute readAttribute(const pb::AttributeProto &attribute, Model &model);

using NodeList = google::protobuf::RepeatedPtrField<pb::NodeProto>;

/// The nodes so that each follows those whose results it uses, otherwise in the file's order.
std::vector<const pb::NodeProto *> ordered(const NodeList &nodes);

/// "node 'name' (Op)"
std::string describe(const pb::NodeProto &node, const std::string &prefix);

} // namespace aimc::onnx
