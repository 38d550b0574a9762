//===- ChipWriter.cpp - writing a chip file -------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Tensors are listed first: their shapes follow from the targets and from which parts the first
// tile of a target has. Then tile after tile is made and written, and hashed on the way; the
// digits of the hash are filled in at the end.
//
//===----------------------------------------------------------------------===//
#include "ChipParts.h"
#include "aimc/exec/Chip.h"
#include "aimc/exec/ChipFile.h"
#include "aimc/exec/JsonReader.h"
#include "aimc/files/Seal.h"

#include <map>

namespace aimc::exec {

using nlohmann::json;

namespace {
constexpr size_t kAlignment = 64;

/// Header of a chip file: eight bytes of length and a text with an empty seal.
std::string headerOf(const json &description, const json &tensors) {
  std::string text = "{\"__metadata__\":{\"" + std::string(files::kSealKey) + "\":\"" +
                     files::emptySeal() + "\",\"aimc_chip\":" + json(description.dump()).dump() +
                     "}";
  for (const auto &entry : tensors.items())
    text += "," + json(entry.key()).dump() + ":" + entry.value().dump();
  text += "}";
  text.append((kAlignment - (text.size() + 8) % kAlignment) % kAlignment, ' ');
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char *>(&length), sizeof length) + text;
}

/// The file's words with the runtime's kind of error.
Result<void> judged(const files::Result<void> &done) {
  return done ? Result<void>() : fail(AIMC_INVALID_ARGUMENT, done.error());
}

Result<files::SealedWriter> begin(const std::string &path, const std::string &header) {
  auto writer = files::SealedWriter::create(path);
  if (!writer)
    return fail(AIMC_INVALID_ARGUMENT, writer.error());
  if (auto done = judged(writer->write(header.data(), header.size())); !done)
    return tl::unexpected(done.error());
  return std::move(*writer);
}

/// One part of a tile, all planes: what is written for `suffix`, or nothing.
std::vector<std::span<const float>> partOf(const TileState &state, std::string_view suffix,
                                           size_t blocks) {
  std::vector<std::span<const float>> pieces;
  auto add = [&](const AlignedVector<float> &values) {
    if (!values.empty())
      pieces.emplace_back(values);
  };
  for (size_t k = 0; k < state.planes().size(); ++k) {
    const Plane &plane = state.planes()[k];
    if (suffix == ".plus")
      add(plane.plus);
    else if (suffix == ".minus")
      add(plane.minus);
    else if (suffix == ".plus_life")
      add(plane.plusLife);
    else if (suffix == ".minus_life")
      add(plane.minusLife);
    else if (suffix == ".column_factor")
      add(plane.columnFactor);
    else if (suffix == ".row_factor")
      add(plane.rowFactor);
    else if (suffix == ".adc") {
      add(plane.gain);
      add(plane.offsetLsb);
    } else if (suffix == ".digital") {
      for (size_t b = 0; b < blocks; ++b)
        pieces.push_back(state.digitalScales(b, k));
    }
  }
  return pieces;
}

json describeTile(const Chip &chip, const Chip::Tile &tile, const Target &target) {
  json blocks = json::array();
  for (const Chip::Placed &placed : tile.placed) {
    const Weight &weight = chip.manifest().weights[placed.weight];
    const Block &b = weight.blocks[placed.block];
    blocks.push_back({{"weight", weight.name},
                      {"name", b.name},
                      {"row", b.row},
                      {"rows", b.rows},
                      {"col", b.col},
                      {"cols", b.cols},
                      {"at_row", b.atRow},
                      {"at_col", b.atCol}});
  }
  return {{"target", target.name},
          {"target_index", tile.id.target},
          {"chip", tile.id.chip},
          {"tile", tile.id.tile},
          {"blocks", std::move(blocks)}};
}
} // namespace

Result<void> ChipFile::save(const std::string &path, const Chip &chip, const Options &options,
                            const std::vector<int64_t> &counters) {
  auto hash = mappingHash(chip.manifest());
  if (!hash)
    return tl::unexpected(hash.error());
  json description = {{"version", kChipVersion},
                      {"mapping_sha256", *hash},
                      {"options", options.stateText()},
                      {"reads", counters},
                      {"tiles", json::array()}};
  json tensors = json::object();
  std::vector<std::vector<const char *>> parts; // per tile
  std::vector<TileBlock> list;
  TileState state;
  // Which parts a tile has depends on its target alone.
  std::map<uint64_t, std::vector<const char *>> partsOfTarget;
  int64_t offset = 0;
  for (const Chip::Tile &tile : chip.tiles()) {
    const Target &target = options.targets[tile.id.target];
    description["tiles"].push_back(describeTile(chip, tile, target));
    int64_t columns = 0;
    for (const Chip::Placed &placed : tile.placed)
      columns += chip.manifest().weights[placed.weight].blocks[placed.block].cols;
    const auto list0 = chipParts(target, columns);
    if (!partsOfTarget.count(tile.id.target)) {
      chip.devices(tile, list, state);
      auto &names = partsOfTarget[tile.id.target];
      for (const ChipPart &part : list0)
        if (!partOf(state, part.suffix, tile.placed.size()).empty())
          names.push_back(part.suffix);
    }
    parts.push_back(partsOfTarget[tile.id.target]);
    for (const ChipPart &part : list0) {
      if (std::find(parts.back().begin(), parts.back().end(), part.suffix) == parts.back().end())
        continue;
      const int64_t bytes = byteCount(part.shape.data(), part.shape.size(), sizeof(float));
      tensors[tileKey(target.name, tile.id) + part.suffix] = {
          {"dtype", "F32"}, {"shape", part.shape}, {"data_offsets", {offset, offset + bytes}}};
      offset += bytes;
    }
  }
  auto file = begin(path, headerOf(description, tensors));
  if (!file)
    return tl::unexpected(file.error());
  for (size_t t = 0; t < chip.tiles().size(); ++t) {
    const Chip::Tile &tile = chip.tiles()[t];
    chip.devices(tile, list, state);
    for (const char *part : parts[t])
      for (std::span<const float> piece : partOf(state, part, tile.placed.size()))
        if (auto done = judged(file->write(piece.data(), piece.size_bytes())); !done)
          return done;
  }
  return judged(file->commit());
}

Result<void> ChipFile::saveAs(const std::string &given, std::optional<double> seconds) const {
  json changed = description;
  changed["options"]["time_s"] = seconds ? json(*seconds) : json();
  // The tensors lie where they lay; only the description in front of them changes.
  uint64_t headerBytes = 0;
  std::memcpy(&headerBytes, file->data(), sizeof headerBytes);
  const char *text = reinterpret_cast<const char *>(file->data()) + sizeof headerBytes;
  auto table = parseJson({text, headerBytes}, name, AIMC_BAD_PACKAGE);
  if (!table)
    return tl::unexpected(table.error());
  table->erase("__metadata__");
  auto target = begin(given, headerOf(changed, *table));
  if (!target)
    return tl::unexpected(target.error());
  const size_t data = sizeof headerBytes + headerBytes;
  if (auto done = judged(target->write(file->data() + data, file->size() - data)); !done)
    return done;
  return judged(target->commit());
}

} // namespace aimc::exec
