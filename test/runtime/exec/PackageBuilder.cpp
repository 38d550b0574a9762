//===- PackageBuilder.cpp - packages made by tests ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "PackageBuilder.h"

#include "aimc/exec/Cpu.h"
#include "aimc/exec/Manifest.h"
#include "aimc/exec/Signature.h"
#include "aimc/files/Sha256.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

namespace aimc::test {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {
std::string makeFolder() {
  std::string name = (fs::temp_directory_path() / "aimc-exec-XXXXXX").string();
  if (!mkdtemp(name.data()))
    std::abort();
  return name;
}

/// {name, entries}: entries of TestModel.c that run grid 0.
const std::map<std::string, int64_t> kGridEntries = {
    {"grid_1", 1},   {"grid_3", 3},     {"grid_5", 5},      {"grid_8", 8},
    {"grid_16", 16}, {"grid_300", 300}, {"grid_4000", 4000}};

/// Where TestModel.c leaves room for the signature, and how much.
constexpr const char *kSignaturePlace = "the signature comes here";
constexpr size_t kSignatureBytes = 16384;

/// What code that was compiled for this manifest says of it.
std::string signatureOf(const json &manifest, const json &tensors) {
  exec::Signature out;
  using Shape = std::vector<int64_t>;
  out.processor(manifest["isa"]["triple"].get<std::string>(),
                manifest["isa"]["features"].get<std::vector<std::string>>());
  out.count("constants", manifest["constants"].size());
  for (size_t i = 0; i < manifest["constants"].size(); ++i) {
    const json &tensor = tensors[manifest["constants"][i].get<std::string>()];
    out.constant(i, tensor["dtype"].get<std::string>(), tensor["shape"].get<Shape>());
  }
  out.count("grids", manifest["grids"].size());
  for (size_t i = 0; i < manifest["grids"].size(); ++i) {
    Shape rows, columns;
    for (size_t index : manifest["grids"][i]["weights"]) {
      rows.push_back(manifest["weights"][index]["rows"]);
      columns.push_back(manifest["weights"][index]["cols"]);
    }
    out.grid(i, rows[0], columns);
  }
  out.count("entries", manifest["entries"].size());
  for (const json &entry : manifest["entries"]) {
    out.entry(entry["symbol"].get<std::string>(), entry["arena_bytes"], entry["inputs"].size(),
              entry["outputs"].size());
    for (const char *kind : {"input", "output"})
      for (const json &port : entry[std::string(kind) + "s"])
        out.port(kind, port["name"].get<std::string>(), port["dtype"].get<std::string>(),
                 port["shape"].get<Shape>());
  }
  return out.text;
}

json port(const std::string &name, const char *dtype, const std::vector<int64_t> &shape) {
  return {{"name", name}, {"dtype", dtype}, {"shape", shape}};
}
} // namespace

TemporaryFolder::TemporaryFolder() : path(makeFolder()) {}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

Matrix randomMatrix(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 engine(seed);
  Matrix m{rows, cols, {}};
  m.data.resize(size_t(rows * cols));
  for (float &v : m.data)
    v = static_cast<float>(static_cast<int32_t>(engine())) * 0x1p-31f;
  return m;
}

json pcmTarget(int64_t rows, int64_t cols) {
  return {{"geometry", {{"rows", rows}, {"cols", cols}, {"pairs", 1}, {"readout", "single"}}},
          {"device", {{"kind", "pcm"}, {"g_min_us", 0.1}, {"g_max_us", 25.0}}},
          {"wire", {{"column_ohm", 0.35}, {"row_ohm", 0.0}, {"idle", "midrail"}}},
          {"dac", {{"bits", 8}, {"mode", "one_pass"}, {"v_read_v", 0.2}, {"tick_ns", 1.0}}},
          {"adc", {{"kind", "cco"}, {"bits", 12}, {"lsb_fc", 16.03}}}};
}

void PackageBuilder::add(const std::string &name, Matrix weight, bool isTransposed) {
  names.push_back(name);
  weights.push_back(std::move(weight));
  transposed.push_back(isTransposed);
}

json PackageBuilder::manifest() const {
  int64_t tileRows = target["geometry"]["rows"], tileCols = target["geometry"]["cols"];
  json m = {{"format", "aimc-package"},
            {"version", 1},
            {"producer", "test"},
            {"abi_version", 2},
            {"isa",
             {{"triple", exec::hostArchitecture() + "-unknown-linux-gnu"},
              {"cpu", "generic"},
              {"features", json::array()}}},
            {"files", json::object()},
            {"targets", {{"pcm", target}}},
            {"weights", json::array()},
            {"grids", grids},
            {"constants", {"dims"}},
            {"entries", json::array()}};
  int64_t tile = 0;
  std::vector<int64_t> all;
  json outputs = json::array();
  for (size_t w = 0; w < weights.size(); ++w) {
    const Matrix &matrix = weights[w];
    json blocks = json::array();
    for (int64_t row = 0; row < matrix.rows; row += tileRows)
      for (int64_t col = 0; col < matrix.cols; col += tileCols)
        blocks.push_back(
            {{"name", names[w] + ".r" + std::to_string(row) + ".c" + std::to_string(col)},
             {"target", "pcm"},
             {"row", row},
             {"rows", std::min(tileRows, matrix.rows - row)},
             {"col", col},
             {"cols", std::min(tileCols, matrix.cols - col)},
             {"chip", 0},
             {"tile", tile++},
             {"at_row", 0},
             {"at_col", 0}});
    m["weights"].push_back({{"name", names[w]},
                            {"tensor", names[w]},
                            {"rows", matrix.rows},
                            {"cols", matrix.cols},
                            {"transposed", bool(transposed[w])},
                            {"blocks", blocks}});
    all.push_back(static_cast<int64_t>(w));
  }
  if (m["grids"].is_null())
    m["grids"] = {{{"layer", "layer"}, {"weights", all}, {"input_range", nullptr}}};
  int64_t k = weights[0].rows, n = weights[0].cols;
  for (const auto &[symbol, rows] : kGridEntries) {
    json entry = {{"symbol", symbol}, {"dims", {{"rows", rows}}}, {"arena_bytes", 0}};
    entry["inputs"] = {port("x", "f32", {rows, k})};
    entry["outputs"] = json::array();
    for (const json &index : m["grids"][0]["weights"]) {
      size_t w = index;
      entry["outputs"].push_back(
          port("y" + std::to_string(entry["outputs"].size()), "f32", {rows, weights[w].cols}));
    }
    m["entries"].push_back(entry);
  }
  // Its code has room for one output.
  if (m["grids"][0]["weights"].size() == 1)
    m["entries"].push_back({{"symbol", "relu_transposed_8"},
                            {"dims", json::object()},
                            {"arena_bytes", 2 * 8 * n * 4},
                            {"inputs", {port("x", "f32", {8, k})}},
                            {"outputs", {port("y", "f32", {n, 8})}}});
  m["entries"].push_back({{"symbol", "lookup_4"},
                          {"dims", json::object()},
                          {"arena_bytes", 0},
                          {"inputs", {port("token", "i64", {2, 2}), port("mask", "bool", {2, 2})}},
                          {"outputs", {port("y", "i64", {2, 2})}}});
  for (const char *symbol : {"wrong_grid", "wrong_copy", "wrong_status"})
    m["entries"].push_back({{"symbol", symbol},
                            {"dims", json::object()},
                            {"arena_bytes", 0},
                            {"inputs", {port("x", "f32", {1, k})}},
                            {"outputs", {port("y", "f32", {1, n})}}});
  return m;
}

void PackageBuilder::write(const std::string &folder, json manifest) const {
  fs::create_directories(folder);
  json header = json::object();
  std::string data;
  auto put = [&](const std::string &name, const char *dtype, const std::vector<int64_t> &shape,
                 const void *bytes, size_t size) {
    header[name] = {
        {"dtype", dtype}, {"shape", shape}, {"data_offsets", {data.size(), data.size() + size}}};
    data.append(static_cast<const char *>(bytes), size);
  };
  for (size_t w = 0; w < weights.size(); ++w) {
    const Matrix &m = weights[w];
    std::vector<float> stored = m.data;
    if (transposed[w])
      for (int64_t i = 0; i < m.rows; ++i)
        for (int64_t j = 0; j < m.cols; ++j)
          stored[size_t(j * m.rows + i)] = m.at(i, j);
    put(names[w], "F32", transposed[w] ? std::vector{m.cols, m.rows} : std::vector{m.rows, m.cols},
        stored.data(), stored.size() * sizeof(float));
  }
  for (const auto &[name, m] : tensors)
    put(name, "F32", m.rows == 1 ? std::vector{m.cols} : std::vector{m.rows, m.cols}, m.data.data(),
        m.data.size() * sizeof(float));
  const int64_t dims[2] = {weights[0].rows, weights[0].cols};
  put("dims", "I64", {2}, dims, sizeof dims);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  uint64_t length = text.size();
  writeFile(folder + "/weights.safetensors",
            std::string(reinterpret_cast<const char *>(&length), 8) + text + data);
  std::string code = readFile(model), signature = signatureOf(manifest, header);
  const size_t place = code.find(kSignaturePlace);
  if (place == std::string::npos || signature.size() >= kSignatureBytes)
    std::abort();
  code.replace(place, signature.size() + 1, signature.c_str(), signature.size() + 1);
  writeFile(folder + "/model.so", code);
  writeFile(folder + "/module.mlirbc", "bytecode");
  seal(folder, std::move(manifest));
}

void seal(const std::string &folder, json manifest) {
  for (const char *name : {"model.so", "weights.safetensors", "module.mlirbc"}) {
    std::string content = readFile(folder + "/" + name);
    manifest["files"][name] = {
        {"sha256",
         *files::sha256Hex(reinterpret_cast<const std::byte *>(content.data()), content.size())},
        {"bytes", content.size()}};
  }
  manifest["manifest_sha256"] = std::string(64, '0');
  writeFile(folder + "/manifest.json", *exec::sealManifest(manifest.dump()));
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

void writeFile(const std::string &path, const std::string &content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
}

json statisticsOf(aimc_session *session) {
  char *text = nullptr;
  EXPECT_EQ(aimc_session_statistics(session, &text), AIMC_OK) << aimc_last_error();
  TextPointer owner(text);
  return text ? json::parse(text) : json();
}

SessionPointer openSession(const std::string &folder, const json &options) {
  aimc_package *package = nullptr;
  if (aimc_package_open(folder.c_str(), &package) != AIMC_OK) {
    ADD_FAILURE() << aimc_last_error();
    return nullptr;
  }
  PackagePointer owner(package);
  aimc_session *session = nullptr;
  if (aimc_session_create(package, options.dump().c_str(), &session) != AIMC_OK)
    ADD_FAILURE() << aimc_last_error();
  return SessionPointer(session);
}

std::vector<Matrix> runGrid(aimc_session *session, const std::string &folder,
                            const std::string &symbol, const Matrix &x) {
  json manifest = json::parse(readFile(folder + "/manifest.json"));
  int32_t index = 0;
  while (manifest["entries"][size_t(index)]["symbol"] != symbol)
    ++index;
  const json &entry = manifest["entries"][size_t(index)];
  int64_t shape[2] = {x.rows, x.cols};
  aimc_tensor input{"x", AIMC_F32, 2, shape, const_cast<float *>(x.data.data())};
  std::vector<Matrix> results;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::string> names;
  for (const json &output : entry["outputs"]) {
    shapes.push_back(output["shape"]);
    names.push_back(output["name"]);
    results.push_back({shapes.back()[0], shapes.back()[1], {}});
    results.back().data.resize(size_t(shapes.back()[0] * shapes.back()[1]));
  }
  std::vector<aimc_tensor> outputs;
  for (size_t i = 0; i < results.size(); ++i)
    outputs.push_back({names[i].c_str(), AIMC_F32, 2, shapes[i].data(), results[i].data.data()});
  EXPECT_EQ(aimc_session_run(session, index, &input, 1, outputs.data(),
                             static_cast<int32_t>(outputs.size())),
            AIMC_OK)
      << aimc_last_error();
  return results;
}

} // namespace aimc::test
