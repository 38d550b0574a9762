//===- TensorTable.cpp - tensors of a safetensors file --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The safetensors layout: eight bytes of header length, a JSON header, the data. Bytes of large
// tensors go from the model file's mapping to the sink without a copy in between. Tensors are
// ordered by element width and the header is padded, so that every element is aligned.
//
//===----------------------------------------------------------------------===//

#include "aimc/Description/TensorTable.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::aimc;

std::string TensorTable::add(llvm::StringRef wanted, ElementsAttr value) {
  if (auto known = byValue.find(value); known != byValue.end())
    return entries[known->second].name;
  std::string name = wanted.str();
  for (unsigned n = 1; byName.contains(name); ++n)
    name = (wanted + "." + llvm::Twine(n)).str();
  byName[name] = byValue[value] = entries.size();
  entries.push_back({name, value});
  return name;
}

static int64_t width(Type element) {
  return static_cast<int64_t>(llvm::divideCeil(element.getIntOrFloatBitWidth(), 8));
}

llvm::StringRef mlir::aimc::storedName(Type element) {
  if (element.isF32())
    return "F32";
  if (element.isInteger(64))
    return "I64";
  if (element.isInteger(32))
    return "I32";
  if (element.isInteger(1))
    return "BOOL";
  return "";
}

/// Row-major bytes of `value`: its own storage where that is the layout, else `scratch`.
static llvm::ArrayRef<char> bytesOf(ElementsAttr value, std::vector<char> &scratch) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : llvm::ArrayRef<char>();
  }
  auto dense = cast<DenseElementsAttr>(value);
  Type element = dense.getElementType();
  if (element.isInteger(1)) { // packed in the attribute
    for (bool bit : dense.getValues<bool>())
      scratch.push_back(bit ? 1 : 0);
    return scratch;
  }
  if (!dense.isSplat())
    return dense.getRawData();
  for (int64_t i = 0; i < dense.getNumElements(); ++i)
    scratch.insert(scratch.end(), dense.getRawData().begin(), dense.getRawData().end());
  return scratch;
}

llvm::Error TensorTable::write(Sink sink, llvm::json::Object metadata) const {
  std::vector<const Entry *> order;
  for (const Entry &entry : entries) {
    if (!isa<DenseResourceElementsAttr, DenseElementsAttr>(entry.value) ||
        storedName(entry.value.getElementType()).empty())
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "tensor '" + entry.name +
                                         "': expected f32, i64, i32 or i1 data in the module");
    order.push_back(&entry);
  }
  llvm::stable_sort(order, [](const Entry *a, const Entry *b) {
    return width(a->value.getElementType()) > width(b->value.getElementType());
  });

  llvm::json::Object header;
  if (!metadata.empty())
    header["__metadata__"] = std::move(metadata);
  int64_t offset = 0;
  for (const Entry *entry : order) {
    int64_t size = entry->value.getNumElements() * width(entry->value.getElementType());
    header[entry->name] =
        llvm::json::Object{{"dtype", storedName(entry->value.getElementType())},
                           {"shape", llvm::json::Array(entry->value.getShapedType().getShape())},
                           {"data_offsets", llvm::json::Array{offset, offset + size}}};
    offset += size;
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(header));
  text.resize(llvm::alignTo(text.size() + 8, 64) - 8, ' ');

  char length[8];
  llvm::support::endian::write64le(length, text.size());
  if (llvm::Error error = sink(length))
    return error;
  if (llvm::Error error = sink(text))
    return error;
  for (const Entry *entry : order) {
    std::vector<char> scratch;
    llvm::ArrayRef<char> bytes = bytesOf(entry->value, scratch);
    int64_t expected = entry->value.getNumElements() * width(entry->value.getElementType());
    if (static_cast<int64_t>(bytes.size()) != expected)
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "tensor '" + entry->name + "': expected " +
                                         llvm::Twine(expected) + " bytes, but got " +
                                         llvm::Twine(bytes.size()));
    if (llvm::Error error = sink(bytes))
      return error;
  }
  return llvm::Error::success();
}
