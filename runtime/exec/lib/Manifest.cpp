//===- Manifest.cpp - what a package says about itself --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Manifest.h"

#include "aimc/exec/Safetensors.h"
#include "aimc/exec/abi.h"
#include "aimc/model/Limits.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace aimc::exec {

using nlohmann::json;

namespace {
namespace limits = model::limits;
constexpr int64_t kMaxExtent = int64_t{1} << 40;

bool isFileName(const std::string &name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != "manifest.json";
}

bool isSymbol(const std::string &name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); });
}

bool isHex64(const std::string &text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void readFiles(const JsonObject &root, Manifest &m) {
  JsonObject files = root.object("files");
  for (const std::string &name : files.keys()) {
    JsonObject file = files.object(name);
    FileEntry entry{name, file.string("sha256"), file.unsignedInteger("bytes")};
    if (!isFileName(name))
      files.mistake(name, "expected a plain file name");
    if (!isHex64(entry.sha256))
      file.mistake("sha256",
                   "expected 64 lower-case hexadecimal digits, but got " + quote(entry.sha256));
    m.files.push_back(std::move(entry));
  }
  for (const char *needed : {"model.so", "weights.safetensors"})
    if (!files.has(needed))
      files.mistake(needed, "expected an entry for this file");
}

/// Blocks, sorted by (row, col), must form bands of equal row ranges that follow each other, and
/// in each band column ranges that follow each other: then they cover the weight exactly once.
void checkCover(const JsonObject &object, const Weight &w) {
  int64_t bandRow = 0, bandRows = 0, col = w.cols;
  for (const Block &b : w.blocks) {
    if (col == w.cols) { // the band before is complete
      bandRow += bandRows;
      bandRows = b.rows;
      col = 0;
    }
    if (b.row != bandRow || b.rows != bandRows || b.col != col || b.cols > w.cols - col) {
      object.mistake("blocks", "expected blocks that cover the weight exactly once, but block " +
                                   quote(b.name) + " starts at row " + std::to_string(b.row) +
                                   ", column " + std::to_string(b.col));
      return;
    }
    col += b.cols;
  }
  if (col != w.cols || bandRow + bandRows != w.rows)
    object.mistake("blocks", "expected blocks that cover all " + std::to_string(w.rows) + " x " +
                                 std::to_string(w.cols) + " elements");
}

/// What calibration, scaling and compensation have written.
void readCalibration(const JsonObject &item, Block &b) {
  if (item.has("scales"))
    b.scales = item.string("scales");
  if (item.has("lsb_fc"))
    b.lsbFc = item.number("lsb_fc", 1e-9, 1e9);
  if (!item.has("compensate"))
    return;
  const std::string text = item.string("compensate");
  if (auto known = model::parseCompensate(text))
    b.compensate = *known;
  else
    item.mistake("compensate",
                 "expected one of: none, gain, weights, weights+pulses, but got " + quote(text));
}

void readWeights(const JsonObject &root, Manifest &m) {
  std::set<std::string> names;
  for (const JsonObject &object : root.objects("weights")) {
    Weight w;
    w.name = object.string("name");
    w.tensor = object.string("tensor");
    w.rows = object.integer("rows", 1, kMaxExtent);
    w.cols = object.integer("cols", 1, kMaxExtent);
    w.transposed = object.boolean("transposed");
    if (object.has("activity"))
      w.activity = object.string("activity");
    if (!names.insert(w.name).second)
      object.mistake("name", "expected a unique name, but got " + quote(w.name) + " again");
    for (const JsonObject &item : object.objects("blocks")) {
      Block b;
      b.name = item.string("name");
      std::string target = item.string("target");
      auto found = std::find_if(m.targets.begin(), m.targets.end(),
                                [&](const Target &t) { return t.name == target; });
      if (found == m.targets.end()) {
        item.mistake("target", "no target named " + quote(target));
        return;
      }
      b.target = static_cast<int>(found - m.targets.begin());
      b.row = item.integer("row", 0, w.rows - 1);
      b.rows = item.integer("rows", 1, std::min(w.rows - b.row, found->rows));
      b.col = item.integer("col", 0, w.cols - 1);
      b.cols = item.integer("cols", 1, std::min(w.cols - b.col, found->cols));
      b.chip = item.integer("chip", limits::kChipOrTile);
      b.tile = item.integer("tile", limits::kChipOrTile);
      b.atRow = item.integer("at_row", 0, found->rows - b.rows);
      b.atCol = item.integer("at_col", 0, found->cols - b.cols);
      readCalibration(item, b);
      w.blocks.push_back(std::move(b));
    }
    std::sort(w.blocks.begin(), w.blocks.end(), [](const Block &a, const Block &b) {
      return std::tie(a.row, a.col) < std::tie(b.row, b.col);
    });
    checkCover(object, w);
    m.weights.push_back(std::move(w));
  }
}

/// No device belongs to two blocks. A sweep over rows keeps, by column, the blocks that are open.
void checkPlacement(const JsonObject &root, const Manifest &m) {
  std::map<std::tuple<int, int64_t, int64_t>, std::vector<const Block *>> tiles;
  for (const Weight &w : m.weights)
    for (const Block &b : w.blocks)
      tiles[{b.target, b.chip, b.tile}].push_back(&b);
  for (auto &[where, blocks] : tiles) {
    std::sort(blocks.begin(), blocks.end(),
              [](const Block *a, const Block *b) { return a->atRow < b->atRow; });
    std::map<int64_t, const Block *> open; // by first column; column ranges are disjoint
    for (const Block *b : blocks) {
      auto it = open.lower_bound(b->atCol);
      if (it != open.begin() && std::prev(it)->first + std::prev(it)->second->cols > b->atCol)
        --it;
      while (it != open.end() && it->first < b->atCol + b->cols) {
        const Block *other = it->second;
        if (other->atRow + other->rows > b->atRow) {
          root.mistake("weights", "blocks " + quote(other->name) + " and " + quote(b->name) +
                                      " share devices of chip " + std::to_string(b->chip) +
                                      ", tile " + std::to_string(b->tile));
          return;
        }
        it = open.erase(it);
      }
      open.emplace(b->atCol, b);
    }
  }
}

void readGrids(const JsonObject &root, Manifest &m) {
  for (const JsonObject &object : root.objects("grids")) {
    Grid grid;
    grid.layer = object.string("layer");
    for (int64_t index :
         object.integers("weights", 0, std::max<int64_t>(0, int64_t(m.weights.size()) - 1)))
      grid.weights.push_back(static_cast<int>(index));
    if (object.has("input_range") && !object.isNull("input_range"))
      grid.inputRange = object.number("input_range", 1e-30, 1e30);
    if (grid.weights.empty() || m.weights.empty())
      object.mistake("weights", "expected at least one index of a weight");
    else
      for (int index : grid.weights)
        if (m.weights[size_t(index)].rows != m.weights[size_t(grid.weights[0])].rows)
          object.mistake("weights", "expected weights with the same number of rows, but got " +
                                        quote(m.weights[size_t(grid.weights[0])].name) + " and " +
                                        quote(m.weights[size_t(index)].name));
    m.grids.push_back(std::move(grid));
  }
}

std::vector<Port> readPorts(const JsonObject &entry, std::string_view key) {
  std::vector<Port> ports;
  std::set<std::string> names;
  for (const JsonObject &object : entry.objects(key)) {
    Port port;
    port.name = object.string("name");
    std::string dtype = object.string("dtype");
    int32_t code = AIMC_F32;
    while (code <= AIMC_BOOL && dtype != dtypeName(code))
      ++code;
    if (code > AIMC_BOOL) {
      object.mistake("dtype", "expected one of: f32, i64, i32, bool, but got " + quote(dtype));
      return ports;
    }
    port.dtype = static_cast<aimc_dtype>(code);
    port.shape = object.integers("shape", 0, kMaxExtent);
    if (byteCount(port.shape.data(), port.shape.size(), dtypeBytes(code)) < 0)
      object.mistake("shape", "expected a size that fits 63 bits");
    if (!names.insert(port.name).second)
      object.mistake("name", "expected a unique name, but got " + quote(port.name) + " again");
    ports.push_back(std::move(port));
  }
  return ports;
}

void readEntries(const JsonObject &root, Manifest &m) {
  for (const JsonObject &object : root.objects("entries")) {
    Entry entry;
    entry.symbol = object.string("symbol");
    if (!isSymbol(entry.symbol))
      object.mistake("symbol", "expected a C identifier, but got " + quote(entry.symbol));
    JsonObject dims = object.object("dims");
    for (const std::string &name : dims.keys())
      entry.dims[name] = dims.integer(name, 0, kMaxExtent);
    entry.arenaBytes = object.unsignedInteger("arena_bytes");
    if (entry.arenaBytes > static_cast<uint64_t>(kMaxExtent))
      object.mistake("arena_bytes", "expected at most " + std::to_string(kMaxExtent));
    entry.inputs = readPorts(object, "inputs");
    entry.outputs = readPorts(object, "outputs");
    m.entries.push_back(std::move(entry));
  }
  if (m.entries.empty())
    root.mistake("entries", "expected at least one entry");
}
} // namespace

const char *dtypeName(int32_t dtype) {
  switch (dtype) {
  case AIMC_F32:
    return "f32";
  case AIMC_I64:
    return "i64";
  case AIMC_I32:
    return "i32";
  case AIMC_BOOL:
    return "bool";
  default:
    return "unknown";
  }
}

int64_t dtypeBytes(int32_t dtype) {
  switch (dtype) {
  case AIMC_F32:
    return 4;
  case AIMC_I64:
    return 8;
  case AIMC_I32:
    return 4;
  case AIMC_BOOL:
    return 1;
  default:
    return 0;
  }
}

int64_t Port::bytes() const { return byteCount(shape.data(), shape.size(), dtypeBytes(dtype)); }

Result<Manifest> Manifest::parse(std::string_view text, const std::string &file) {
  auto parsed = parseJson(text, file, AIMC_BAD_PACKAGE);
  if (!parsed)
    return tl::unexpected(parsed.error());
  JsonReader reader(file, AIMC_BAD_PACKAGE);
  JsonObject root = reader.root(*parsed);
  if (root.string("format") != "aimc-package")
    root.mistake("format", "expected 'aimc-package'");
  if (!reader.failed()) {
    int64_t version = root.integer("version", 0, INT64_MAX);
    if (version != 1)
      root.mistake("version", "expected version 1, but got " + std::to_string(version));
    int64_t abi = root.integer("abi_version", 0, INT64_MAX);
    if (abi != int64_t{AIMC_ABI_VERSION})
      root.mistake("abi_version", "expected " + std::to_string(AIMC_ABI_VERSION) + ", but got " +
                                      std::to_string(abi) + ", compile the model again");
  }
  Manifest m;
  m.producer = root.string("producer");
  JsonObject isa = root.object("isa");
  m.triple = isa.string("triple");
  m.cpu = isa.string("cpu");
  m.features = isa.strings("features");
  readFiles(root, m);
  JsonObject targets = root.object("targets");
  for (const std::string &name : targets.keys()) {
    m.targets.push_back(readTarget(targets.object(name), name));
    if (const json *text = targets.raw(name))
      m.targetTexts.push_back(*text);
  }
  if (static_cast<int64_t>(m.targets.size()) > limits::kTargets.high)
    root.mistake("targets", "expected at most " + std::to_string(limits::kTargets.high) +
                                ", but got " + std::to_string(m.targets.size()));
  readWeights(root, m);
  if (!reader.failed())
    checkPlacement(root, m);
  readGrids(root, m);
  m.constants = root.strings("constants");
  readEntries(root, m);
  if (reader.failed())
    return reader.result();
  return m;
}

} // namespace aimc::exec
