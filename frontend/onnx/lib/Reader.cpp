//===- Reader.cpp - ONNX files to protobuf and constants --------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Opens the model file and checks that it is one. The file is read through a stream and not
// mapped: the parsed message owns its bytes anyhow, and a map would count twice in memory.
//
//===----------------------------------------------------------------------===//
#include "Reader.h"
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aimc::onnx {

Model::Model(const std::string &path) : message(std::make_shared<pb::ModelProto>()), files(path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    reject("cannot open the file: ", std::strerror(errno));
  google::protobuf::io::FileInputStream stream(fd);
  stream.SetCloseOnDelete(true);
  struct stat info = {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    reject("expected a regular file");
  if (info.st_size == 0)
    reject("expected an ONNX model, but the file is empty");
  if (info.st_size > INT_MAX)
    reject("expected a file below 2 GiB, but got ", info.st_size,
           " bytes; larger models keep their weights in external data");
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT_MAX);
  if (!message->ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    reject("expected an ONNX model, but the file is damaged, cut short or of another format");
  if (!message->has_graph() || message->opset_import_size() == 0)
    reject("expected an ONNX model, but the file has no graph or no opset");
}

DType Model::elementType(int onnxType) {
  switch (onnxType) {
  case pb::TensorProto::FLOAT16:
  case pb::TensorProto::BFLOAT16:
  case pb::TensorProto::DOUBLE:
    narrowed = true;
    return DType::F32;
  case pb::TensorProto::FLOAT:
    return DType::F32;
  case pb::TensorProto::INT64:
    return DType::I64;
  case pb::TensorProto::INT32:
    return DType::I32;
  case pb::TensorProto::BOOL:
    return DType::Bool;
  default:
    break;
  }
  std::string got = pb::TensorProto::DataType_IsValid(onnxType)
                        ? pb::TensorProto::DataType_Name(pb::TensorProto::DataType(onnxType))
                        : concat("type ", onnxType);
  reject("expected elements of FLOAT, FLOAT16, BFLOAT16, DOUBLE, INT64, INT32 or BOOL, but got ",
         got);
}

} // namespace aimc::onnx
