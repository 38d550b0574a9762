//===- MapFile.cpp - a map of devices as a file ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "MapFile.h"

#include "Npz.h"
#include "OutputFile.h"
#include "aimc/files/FileWriter.h"
#include "aimc/files/Leftovers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <zip.h>

namespace aimc::chip {

using exec::fail;
using exec::Result;
using files::FileWriter;

namespace {
constexpr size_t kBuffer = 1 << 20;

/// A name as a field of CSV.
std::string field(const std::string &name) {
  if (name.find_first_of(",\"\n\r") == std::string::npos)
    return name;
  std::string quoted = "\"";
  for (char c : name)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// A file's words with the runtime's kind of error.
Result<void> judged(const files::Result<void> &done) {
  return done ? Result<void>() : fail(AIMC_INVALID_ARGUMENT, done.error());
}

class CsvFile : public MapFile {
public:
  CsvFile(std::optional<FileWriter> writer, const std::vector<std::string> &names)
      : writer(std::move(writer)) {
    for (const std::string &name : names)
      fields.push_back(field(name));
    text = "weight,row,column,chip,tile,tile_row,tile_column,plane,device,target_us,"
           "programmed_us,now_us\n";
  }
  Result<void> add(const MapRow &r) override {
    char numbers[176];
    const int size =
        std::snprintf(numbers, sizeof numbers, ",%d,%d,%d,%d,%d,%d,%d,%s,%.9g,%.9g,%.9g\n", r.row,
                      r.column, r.chip, r.tile, r.tileRow, r.tileColumn, r.plane,
                      r.sign > 0 ? "plus" : "minus", static_cast<double>(r.targetUS),
                      static_cast<double>(r.programmedUS), static_cast<double>(r.nowUS));
    text += fields[static_cast<size_t>(r.weight)];
    text.append(numbers, static_cast<size_t>(size));
    return text.size() < kBuffer ? Result<void>{} : flush();
  }
  Result<void> finish() override {
    if (auto done = flush(); !done)
      return done;
    if (writer)
      return judged(writer->commit());
    if (std::fflush(stdout) != 0)
      return fail(AIMC_INVALID_ARGUMENT,
                  std::string("standard output: cannot write: ") + std::strerror(errno));
    return {};
  }

private:
  Result<void> flush() {
    Result<void> done;
    if (writer)
      done = judged(writer->write(text.data(), text.size()));
    else if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
      done = fail(AIMC_INVALID_ARGUMENT,
                  std::string("standard output: cannot write: ") + std::strerror(errno));
    text.clear();
    return done;
  }

  std::optional<FileWriter> writer;
  std::vector<std::string> fields;
  std::string text;
};

/// Header of a .npy file of a one-dimensional array, padded to 128 bytes.
std::string npyHeader(const std::string &type, int64_t count) {
  std::string header = std::string("\x93NUMPY\x01\x00", 8) + std::string(2, '\0');
  header += "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + std::to_string(count) +
            ",), }";
  header.append(127 - header.size(), ' ');
  header += '\n';
  const size_t length = header.size() - 10;
  header[8] = static_cast<char>(length & 0xff);
  header[9] = static_cast<char>(length >> 8);
  return header;
}

struct CloseFile {
  void operator()(FILE *file) const { std::fclose(file); }
};

/// Columns grow in nameless files and go into the archive at the end.
class NpzFile : public MapFile {
public:
  NpzFile(std::string path, const std::vector<std::string> &names)
      : path(std::move(path)), names(names) {}

  Result<void> open() {
    if (auto writable = run::checkWritable(path); !writable)
      return fail(AIMC_INVALID_ARGUMENT, writable.error());
    for (auto &column : columns) {
      column.reset(std::tmpfile());
      if (!column || std::fwrite(npyHeader("<i4", 0).data(), 1, 128, column.get()) != 128)
        return failure();
    }
    return {};
  }
  Result<void> add(const MapRow &r) override {
    const std::array<int32_t, 9> integers = {r.weight,  r.row,        r.column, r.chip, r.tile,
                                             r.tileRow, r.tileColumn, r.plane,  r.sign};
    for (size_t c = 0; c < integers.size(); ++c)
      if (std::fwrite(&integers[c], sizeof(int32_t), 1, columns[c].get()) != 1)
        return failure();
    const std::array<float, 3> reals = {r.targetUS, r.programmedUS, r.nowUS};
    for (size_t c = 0; c < reals.size(); ++c)
      if (std::fwrite(&reals[c], sizeof(float), 1, columns[integers.size() + c].get()) != 1)
        return failure();
    ++rows;
    return {};
  }
  Result<void> finish() override {
    constexpr const char *titles[] = {"weight", "row",       "column",        "chip",
                                      "tile",   "tile_row",  "tile_column",   "plane",
                                      "device", "target_us", "programmed_us", "now_us"};
    // libzip has a temporary file of its own, which a kill would leave under a name of its choice.
    auto folder = files::TemporaryFolder::create(path, 0700);
    if (!folder)
      return fail(AIMC_INVALID_ARGUMENT, folder.error());
    const std::string made = folder->name() + "/map.npz";
    int code = 0;
    zip_t *archive = zip_open(made.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!archive)
      return failure();
    bool good = true;
    auto put = [&](const std::string &name, zip_source_t *source) {
      const zip_int64_t index =
          source ? zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
      good = good && index >= 0 && run::settle(archive, static_cast<uint64_t>(index));
    };
    for (size_t c = 0; c < columns.size(); ++c) {
      const std::string header = npyHeader(c < 9 ? "<i4" : "<f4", rows);
      std::rewind(columns[c].get());
      good = good && std::fwrite(header.data(), 1, header.size(), columns[c].get()) == 128 &&
             std::fflush(columns[c].get()) == 0;
      std::rewind(columns[c].get());
      put(titles[c], zip_source_filep(archive, columns[c].release(), 0, -1));
    }
    const std::string list = nameArray();
    put("weights", zip_source_buffer(archive, list.data(), list.size(), 0));
    if (!good || zip_close(archive) != 0) {
      const std::string reason = zip_strerror(archive);
      zip_discard(archive);
      return fail(AIMC_INVALID_ARGUMENT, path + ": cannot write: " + reason);
    }
    if (std::rename(made.c_str(), path.c_str()) != 0)
      return failure();
    return {};
  }

private:
  tl::unexpected<exec::Error> failure() const {
    return fail(AIMC_INVALID_ARGUMENT, path + ": cannot write: " + std::strerror(errno));
  }
  /// Names as bytes strings of one length.
  std::string nameArray() const {
    size_t width = 1;
    for (const std::string &name : names)
      width = std::max(width, name.size());
    std::string text = npyHeader("|S" + std::to_string(width), static_cast<int64_t>(names.size()));
    for (const std::string &name : names)
      text += name + std::string(width - name.size(), '\0');
    return text;
  }

  std::string path;
  std::vector<std::string> names;
  std::array<std::unique_ptr<FILE, CloseFile>, 12> columns;
  int64_t rows = 0;
};
} // namespace

Result<std::unique_ptr<MapFile>> makeMapFile(const std::string &path,
                                             const std::vector<std::string> &names) {
  const std::string extension = std::filesystem::path(path).extension().string();
  if (!path.empty() && extension != ".npz" && extension != ".csv")
    return fail(AIMC_INVALID_ARGUMENT,
                path + ": expected a name that ends with .csv or .npz, which says what to write");
  if (extension == ".npz") {
    auto file = std::make_unique<NpzFile>(path, names);
    if (auto done = file->open(); !done)
      return tl::unexpected(done.error());
    return file;
  }
  std::optional<FileWriter> writer;
  if (!path.empty()) {
    auto made = FileWriter::create(path);
    if (!made)
      return fail(AIMC_INVALID_ARGUMENT, made.error());
    writer.emplace(std::move(*made));
  }
  return std::make_unique<CsvFile>(std::move(writer), names);
}

} // namespace aimc::chip
