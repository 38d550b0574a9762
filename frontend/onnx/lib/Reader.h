//===- Reader.h - ONNX files to protobuf and constants ----------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A parsed model and the files beside it. Tensors become constants that point into the parsed
// message or the mapped file; only element types that the graph does not know are converted.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "ExternalFiles.h"
#include "Proto.h"
#include "Support.h"

namespace aimc::onnx {

/// Bytes of one element of `onnxType` as a file stores it.
size_t storedBytes(int onnxType);

/// Where an external tensor lies.
struct ExternalPlace {
  std::string location;
  uint64_t offset = 0, length = 0;
};
/// What `tensor` says of its place; `needed` bytes where it gives no length. Throws Rejected.
ExternalPlace externalPlace(const pb::TensorProto &tensor, uint64_t needed);

class Model {
public:
  explicit Model(const std::string &path);

  const pb::ModelProto &proto() const { return *message; }
  /// For additions before the first tensor is read.
  pb::ModelProto &mutableProto() { return *message; }
  ExternalFiles &externalFiles() { return files; }

  /// `tensor` as a constant; `what` names it in errors ("initializer 'w'").
  std::shared_ptr<const Constant> tensor(const pb::TensorProto &tensor, const std::string &what);

  /// Gives up the bytes of a tensor that nothing reads any more, and whose constant is `constant`.
  void release(const pb::TensorProto &tensor, const Constant &constant);

  /// The element type that stands for `onnxType` (a TensorProto::DataType); f16, bf16 and f64 are
  /// read as f32 and remembered.
  DType elementType(int onnxType);
  bool narrowedFloats() const { return narrowed; }

private:
  std::shared_ptr<pb::ModelProto> message;
  ExternalFiles files;
  bool narrowed = false;
};

} // namespace aimc::onnx
