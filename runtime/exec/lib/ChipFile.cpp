//===- ChipFile.cpp - reading a chip file ---------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/ChipFile.h"

#include "ChipParts.h"
#include "aimc/exec/Options.h"
#include "aimc/files/Seal.h"
#include "aimc/model/Limits.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

namespace aimc::exec {

using nlohmann::json;

namespace {
namespace limits = model::limits;
constexpr int64_t kMaxExtent = int64_t{1} << 40;

json mappingText(const Manifest &manifest) {
  json weights = json::array();
  for (const Weight &weight : manifest.weights) {
    json blocks = json::array();
    for (const Block &b : weight.blocks)
      blocks.push_back({manifest.targets[static_cast<size_t>(b.target)].name, b.row, b.rows, b.col,
                        b.cols, b.chip, b.tile, b.atRow, b.atCol, b.scales,
                        compensateText(b.compensate)});
    weights.push_back({weight.name, weight.tensor, weight.rows, weight.cols, weight.transposed,
                       weight.activity, std::move(blocks)});
  }
  return weights;
}

void readTile(const JsonObject &object, const std::vector<Target> &targets, ChipTile &tile) {
  const std::string target = object.string("target");
  auto found = std::find_if(targets.begin(), targets.end(),
                            [&](const Target &t) { return t.name == target; });
  if (found == targets.end()) {
    object.mistake("target", "no target named " + quote(target));
    return;
  }
  tile.target = static_cast<size_t>(found - targets.begin());
  tile.id = {static_cast<uint64_t>(object.integer("target_index", 0, limits::kTargets.high - 1)),
             static_cast<uint64_t>(object.integer("chip", limits::kChipOrTile)),
             static_cast<uint64_t>(object.integer("tile", limits::kChipOrTile))};
  tile.key = tileKey(target, tile.id);
  for (const JsonObject &item : object.objects("blocks")) {
    ChipBlock b;
    b.weight = item.string("weight");
    b.name = item.string("name");
    b.row = item.integer("row", 0, kMaxExtent);
    b.rows = item.integer("rows", 1, found->rows);
    b.col = item.integer("col", 0, kMaxExtent);
    b.cols = item.integer("cols", 1, found->cols);
    b.atRow = item.integer("at_row", 0, found->rows - b.rows);
    b.atCol = item.integer("at_col", 0, found->cols - b.cols);
    tile.blocks.push_back(std::move(b));
  }
}
} // namespace

Result<std::string> mappingHash(const Manifest &manifest) {
  std::string text = mappingText(manifest).dump();
  for (const FileEntry &entry : manifest.files)
    if (entry.name == "weights.safetensors")
      text += entry.sha256;
  auto hash = files::sha256Hex(reinterpret_cast<const std::byte *>(text.data()), text.size());
  return hash ? Result<std::string>(std::move(*hash)) : fail(AIMC_INTERNAL, hash.error());
}

std::string tileKey(const std::string &target, const TileId &id) {
  return target + "/" + std::to_string(id.chip) + "/" + std::to_string(id.tile);
}

Result<std::shared_ptr<const ChipFile>> ChipFile::open(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return fail(AIMC_BAD_PACKAGE,
                path + ": expected a chip file, but got a folder" +
                    (std::filesystem::exists(path + "/manifest.json", ignored)
                         ? "; it is a package, of which aimc-chip program -o FILE makes a chip"
                         : ""));
  auto file = MappedFile::open(path);
  if (!file)
    return tl::unexpected(file.error());
  std::shared_ptr<ChipFile> chip(new ChipFile);
  chip->name = path;
  chip->file = *file;
  if ((*file)->othersMayWrite())
    chip->warning = path + ": every user of this machine may change this chip; chmod o-w " + path;
  auto parsed = Safetensors::parse(*file, path);
  if (!parsed)
    return tl::unexpected(parsed.error());
  chip->tensors = std::make_unique<Safetensors>(std::move(*parsed));
  auto text = chip->tensors->metadata().find("aimc_chip");
  if (text == chip->tensors->metadata().end())
    return fail(AIMC_BAD_PACKAGE, path + ": expected a chip file, but got tensors without a "
                                         "description of a chip; aimc-chip program makes one");
  const std::string_view bytes(reinterpret_cast<const char *>((*file)->data()), (*file)->size());
  if (auto good = files::checkSeal(bytes, path, "a chip file",
                                   "make the chip again with aimc-chip program");
      !good)
    return fail(AIMC_BAD_PACKAGE, good.error());
  if (auto good = chip->readDescription(text->second); !good)
    return tl::unexpected(good.error());
  if (auto good = chip->checkTensors(); !good)
    return tl::unexpected(good.error());
  return chip;
}

Result<void> ChipFile::readDescription(const std::string &text) {
  auto parsed = parseJson(text, name, AIMC_BAD_PACKAGE);
  if (!parsed)
    return tl::unexpected(parsed.error());
  description = std::move(*parsed);
  JsonReader reader(name, AIMC_BAD_PACKAGE);
  JsonObject root = reader.root(description);
  const int64_t version = root.integer("version", 0, INT64_MAX);
  if (version != kChipVersion)
    root.mistake("version", "expected version " + std::to_string(kChipVersion) + ", but got " +
                                std::to_string(version));
  root.string("mapping_sha256");
  reads = root.integers("reads", 0, INT64_MAX);
  JsonObject state = root.object("options");
  state.unsignedInteger("seed");
  if (!state.isNull("time_s"))
    state.number("time_s", 0, 1e12);
  Effects ignored;
  readEffects(state.object("effects"), ignored);
  JsonObject targets = state.object("targets");
  for (const std::string &target : targets.keys())
    targetList.push_back(readTarget(targets.object(target), target));
  if (!reader.failed())
    for (const JsonObject &object : root.objects("tiles")) {
      ChipTile tile;
      readTile(object, targetList, tile);
      tileList.push_back(std::move(tile));
    }
  if (reader.failed())
    return reader.result();
  saved = description["options"];
  return {};
}

const StoredTensor *ChipFile::find(const std::string &key, const char *part) const {
  return tensors->find(key + part);
}

Result<void> ChipFile::checkTensors() const {
  std::set<std::string> keys;
  for (const ChipTile &tile : tileList) {
    const Target &target = targetList[tile.target];
    if (!keys.insert(tile.key).second)
      return fail(AIMC_BAD_PACKAGE, name + ": tile " + quote(tile.key) + ": given twice");
    int64_t columns = 0;
    for (const ChipBlock &block : tile.blocks)
      columns += block.cols;
    for (const ChipPart &part : chipParts(target, columns)) {
      const StoredTensor *tensor = find(tile.key, part.suffix);
      if (!tensor && part.optional)
        continue;
      const std::string label = name + ": tensor " + quote(tile.key + part.suffix) + ": ";
      if (!tensor)
        return fail(AIMC_BAD_PACKAGE,
                    label + "expected F32 " + shapeText(part.shape) + ", but it is missing");
      if (tensor->dtype != "F32" || tensor->shape != part.shape)
        return fail(AIMC_BAD_PACKAGE, label + "expected F32 " + shapeText(part.shape) +
                                          ", but got " + tensor->dtype + " " +
                                          shapeText(tensor->shape));
    }
  }
  return {};
}

Result<void> ChipFile::checkFits(const Manifest &manifest) const {
  auto hash = mappingHash(manifest);
  if (!hash)
    return tl::unexpected(hash.error());
  const std::string was = description["mapping_sha256"];
  if (was != *hash)
    return fail(AIMC_INVALID_ARGUMENT,
                name +
                    ": the chip was programmed from other weights or another mapping than this "
                    "package's, expected " +
                    *hash + ", but got " + was +
                    "; aimc-chip program makes a chip of this package");
  for (const Target &target : manifest.targets) {
    auto found = std::find_if(targetList.begin(), targetList.end(),
                              [&](const Target &t) { return t.name == target.name; });
    if (found == targetList.end())
      return fail(AIMC_INVALID_ARGUMENT, name + ": no target named " + quote(target.name));
  }
  if (reads.size() != manifest.grids.size())
    return fail(AIMC_INVALID_ARGUMENT, name + ": expected read counters of " +
                                           std::to_string(manifest.grids.size()) +
                                           " grids, but got " + std::to_string(reads.size()));
  std::set<std::string> keys;
  for (const ChipTile &tile : tileList)
    keys.insert(tile.key);
  for (const Weight &weight : manifest.weights)
    for (const Block &b : weight.blocks) {
      const TileId id{0, static_cast<uint64_t>(b.chip), static_cast<uint64_t>(b.tile)};
      const std::string key = tileKey(manifest.targets[static_cast<size_t>(b.target)].name, id);
      if (!keys.count(key))
        return fail(AIMC_BAD_PACKAGE, name + ": no tile " + quote(key));
    }
  return {};
}

void ChipFile::fill(const std::string &key, const Target &target, TileState &state,
                    std::vector<Plane> &planes) const {
  const auto cells = static_cast<size_t>(target.rows * target.cols);
  const auto columns = static_cast<size_t>(target.cols);
  auto copy = [&](const char *part, size_t plane, size_t count, AlignedVector<float> &to,
                  size_t offset = 0, size_t stride = 1) {
    const StoredTensor *tensor = find(key, part);
    to.clear();
    if (!tensor)
      return;
    to.resize(count);
    // The data of a safetensors file need not be aligned.
    std::memcpy(to.data(), tensor->data + (plane * stride * count + offset) * sizeof(float),
                count * sizeof(float));
  };
  for (size_t k = 0; k < planes.size(); ++k) {
    copy(".plus", k, cells, planes[k].plus);
    copy(".minus", k, cells, planes[k].minus);
    copy(".plus_life", k, cells, planes[k].plusLife);
    copy(".minus_life", k, cells, planes[k].minusLife);
    copy(".column_factor", k, cells, planes[k].columnFactor);
    copy(".row_factor", k, cells, planes[k].rowFactor);
    copy(".adc", k, columns, planes[k].gain, 0, 2);
    copy(".adc", k, columns, planes[k].offsetLsb, columns, 2);
    const StoredTensor *scale = find(key, ".digital");
    const std::span<float> to = state.digital(k);
    std::memcpy(to.data(), scale->data + k * to.size_bytes(), to.size_bytes());
  }
}

void ChipFile::restore(const TileState::Request &request, TileState &state) const {
  std::vector<Plane> &planes = state.restore(request);
  fill(tileKey(request.target->name, request.id), *request.target, state, planes);
}

void ChipFile::restore(const ChipTile &tile, std::vector<TileBlock> &blocks,
                       TileState &state) const {
  blocks.clear();
  for (const ChipBlock &b : tile.blocks) {
    TileBlock block;
    block.weight.rows = b.rows;
    block.weight.cols = b.cols;
    block.atRow = b.atRow;
    block.atCol = b.atCol;
    blocks.push_back(block);
  }
  TileState::Request request;
  request.target = &targetList[tile.target];
  request.blocks = blocks;
  request.id = tile.id;
  request.seed = seed();
  request.effects = effects();
  request.life = true;
  restore(request, state);
}

std::optional<double> ChipFile::timeS() const {
  return saved["time_s"].is_null() ? std::nullopt : std::optional(saved["time_s"].get<double>());
}

uint64_t ChipFile::seed() const { return saved["seed"].get<uint64_t>(); }

Effects ChipFile::effects() const {
  JsonReader reader(name, AIMC_BAD_PACKAGE);
  Effects effects;
  readEffects(reader.root(saved).object("effects"), effects);
  return effects;
}

} // namespace aimc::exec
