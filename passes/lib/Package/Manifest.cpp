//===- Manifest.cpp - manifest.json ---------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The manifest is the only description that the runtime reads (docs/Contracts.md section 4): it
// knows no MLIR.
//
//===----------------------------------------------------------------------===//

#include "Contents.h"
#include "aimc/CodeGen/Passes.h"
#include "aimc/Config.h"
#include "aimc/exec/abi.h"
#include "aimc/files/Seal.h"

using namespace mlir;
using namespace mlir::aimc;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kOwnHash = "manifest_sha256";
/// Puts the hash of `text` in the place of the zeros that stand there.
static llvm::Expected<std::string> sign(std::string text) {
  const auto digits = ::aimc::files::findSeal(text, kOwnHash);
  auto hash = digits ? ::aimc::files::sealOf(text, *digits)
                     : ::aimc::files::fail("expected a manifest with a field for its hash");
  if (!hash)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), hash.error());
  text.replace(*digits, hash->size(), *hash);
  return text;
}

static json::Array tensors(ArrayAttr list) {
  json::Array out;
  for (auto entry : list.getAsRange<DictionaryAttr>()) {
    json::Array shape;
    for (auto extent : entry.getAs<ArrayAttr>("shape").getAsRange<IntegerAttr>())
      shape.push_back(extent.getInt());
    out.push_back(json::Object{{"name", entry.getAs<StringAttr>("name").getValue()},
                               {"dtype", entry.getAs<StringAttr>("dtype").getValue()},
                               {"shape", std::move(shape)}});
  }
  return out;
}

llvm::Expected<std::string>
mlir::aimc::manifestText(ModuleOp lowered, PackageContents &contents, const PackageOptions &options,
                         const NativeTarget &target,
                         const llvm::MapVector<llvm::StringRef, FileDigest> &files) {
  json::Array entries, grids, constants;
  json::Object dims, digests;
  for (const auto &[name, size] : options.dims)
    dims[name] = size;
  auto list = [&](llvm::StringRef name) {
    auto array = lowered->getAttrOfType<ArrayAttr>(name);
    return array ? array : ArrayAttr::get(lowered.getContext(), {});
  };
  for (auto entry : list(kEntriesAttr).getAsRange<DictionaryAttr>())
    entries.push_back(
        json::Object{{"symbol", entry.getAs<StringAttr>("symbol").getValue()},
                     {"dims", json::Object(dims)},
                     {"arena_bytes", entry.getAs<IntegerAttr>("arena_bytes").getInt()},
                     {"inputs", tensors(entry.getAs<ArrayAttr>("inputs"))},
                     {"outputs", tensors(entry.getAs<ArrayAttr>("outputs"))}});
  for (auto grid : list(kGridsAttr).getAsRange<DictionaryAttr>()) {
    json::Array weights;
    for (auto weight : grid.getAs<ArrayAttr>("weights").getAsRange<FlatSymbolRefAttr>())
      weights.push_back(contents.mapping.weightIndex.lookup(weight.getAttr()));
    auto range = grid.getAs<FloatAttr>("input_range");
    grids.push_back(json::Object{
        {"layer", grid.getAs<StringAttr>("layer").getValue()},
        {"weights", std::move(weights)},
        {"input_range", range ? json::Value(range.getValueAsDouble()) : json::Value(nullptr)}});
  }
  for (auto constant : list(kConstantsAttr).getAsRange<DictionaryAttr>())
    constants.push_back(contents.mapping.tensors.add(constant.getAs<StringAttr>("name").getValue(),
                                                     constant.getAs<ElementsAttr>("value")));
  for (const auto &[name, digest] : files)
    digests[name] =
        json::Object{{"sha256", digest.sha256}, {"bytes", static_cast<int64_t>(digest.bytes)}};
  json::Object manifest{{"format", "aimc-package"},
                        {"version", 1},
                        {"producer", AIMC_PRODUCER},
                        {kOwnHash, ::aimc::files::emptySeal()},
                        {"abi_version", static_cast<int64_t>(AIMC_ABI_VERSION)},
                        {"isa", json::Object{{"triple", target.triple},
                                             {"cpu", target.tune},
                                             {"features", json::Array(target.required)}}},
                        {"files", std::move(digests)},
                        {"targets", json::Object(contents.mapping.targets)},
                        {"weights", json::Array(contents.mapping.weights)},
                        {"grids", std::move(grids)},
                        {"constants", std::move(constants)},
                        {"entries", std::move(entries)}};
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}\n", json::Value(std::move(manifest)));
  return sign(std::move(text));
}
