//===- Signature.cpp - what native code takes for granted -----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc/exec/Signature.h"
#include "Contents.h"
#include "aimc/CodeGen/Passes.h"

using namespace mlir;
using namespace mlir::aimc;

static SmallVector<int64_t> shapeOf(DictionaryAttr port) {
  return llvm::map_to_vector(port.getAs<ArrayAttr>("shape").getAsRange<IntegerAttr>(),
                             [](IntegerAttr extent) { return extent.getInt(); });
}

std::string mlir::aimc::signatureText(ModuleOp lowered, const PackageContents &contents,
                                      const NativeTarget &target) {
  ::aimc::exec::Signature signature;
  auto list = [&](llvm::StringRef name) {
    auto array = lowered->getAttrOfType<ArrayAttr>(name);
    return array ? array : ArrayAttr::get(lowered.getContext(), {});
  };
  signature.processor(target.triple, target.required);
  signature.count("constants", list(kConstantsAttr).size());
  for (auto [i, constant] : llvm::enumerate(list(kConstantsAttr).getAsRange<DictionaryAttr>())) {
    auto type = constant.getAs<ElementsAttr>("value").getShapedType();
    signature.constant(i, storedName(type.getElementType()), type.getShape());
  }
  signature.count("grids", list(kGridsAttr).size());
  for (auto [i, grid] : llvm::enumerate(list(kGridsAttr).getAsRange<DictionaryAttr>())) {
    SmallVector<int64_t> rows, columns;
    for (auto weight : grid.getAs<ArrayAttr>("weights").getAsRange<FlatSymbolRefAttr>()) {
      const llvm::json::Object &object =
          *contents.mapping.weights[contents.mapping.weightIndex.lookup(weight.getAttr())]
               .getAsObject();
      rows.push_back(*object.getInteger("rows"));
      columns.push_back(*object.getInteger("cols"));
    }
    signature.grid(i, rows.front(), columns);
  }
  signature.count("entries", list(kEntriesAttr).size());
  for (auto entry : list(kEntriesAttr).getAsRange<DictionaryAttr>()) {
    auto inputs = entry.getAs<ArrayAttr>("inputs"), outputs = entry.getAs<ArrayAttr>("outputs");
    signature.entry(entry.getAs<StringAttr>("symbol").getValue(),
                    entry.getAs<IntegerAttr>("arena_bytes").getInt(), inputs.size(),
                    outputs.size());
    for (auto [kind, ports] : {std::pair{"input", inputs}, {"output", outputs}})
      for (auto port : ports.getAsRange<DictionaryAttr>())
        signature.port(kind, port.getAs<StringAttr>("name").getValue(),
                       port.getAs<StringAttr>("dtype").getValue(), shapeOf(port));
  }
  return std::move(signature.text);
}
