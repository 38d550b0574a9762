//===- Npz.cpp - NumPy .npz archives --------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Npz.h"

#include "aimc/files/Text.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <zip.h>

namespace aimc::run {

namespace {
using Bytes = std::vector<std::byte>;

/// Names and types in messages are an archive's, which may hold any bytes.
tl::unexpected<std::string> fail(std::string_view message) {
  return tl::unexpected<std::string>(files::printable(message));
}

constexpr struct {
  std::string_view descr;
  aimc_dtype dtype;
} kTypes[] = {{"<f4", AIMC_F32}, {"<i8", AIMC_I64}, {"<i4", AIMC_I32}, {"|b1", AIMC_BOOL}};

constexpr std::string_view kMagic = "\x93NUMPY";

/// Reads the literal of a .npy header: {'descr': '<f4', 'fortran_order': False, 'shape': (8, 32), }
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  struct Header {
    std::string descr;
    bool fortran = false;
    std::vector<int64_t> shape;
  };

  bool parse(Header &header) {
    bool descr = false, order = false, shape = false;
    if (!eat('{'))
      return false;
    while (!eat('}')) {
      std::string key;
      if (!string(key) || !eat(':'))
        return false;
      bool known = (key == "descr" && !descr && (descr = string(header.descr))) ||
                   (key == "fortran_order" && !order && (order = boolean(header.fortran))) ||
                   (key == "shape" && !shape && (shape = tuple(header.shape)));
      if (!known)
        return false;
      eat(',');
    }
    return descr && order && shape;
  }

private:
  void skip() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n'))
      ++at;
  }
  bool eat(char c) {
    skip();
    if (at >= text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }
  bool word(std::string_view expected) {
    skip();
    if (text.substr(at, expected.size()) != expected)
      return false;
    at += expected.size();
    return true;
  }
  bool string(std::string &out) {
    skip();
    if (at >= text.size() || (text[at] != '\'' && text[at] != '"'))
      return false;
    size_t end = text.find(text[at], at + 1);
    if (end == std::string_view::npos)
      return false;
    out = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return true;
  }
  bool boolean(bool &out) {
    out = word("True");
    return out || word("False");
  }
  bool tuple(std::vector<int64_t> &out) {
    if (!eat('('))
      return false;
    while (!eat(')')) {
      skip();
      size_t start = at;
      int64_t value = 0;
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[at] - '0', &value))
          return false;
      if (at == start)
        return false;
      out.push_back(value);
      if (!eat(',') && !(at < text.size() && text[at] == ')'))
        return false;
    }
    return true;
  }

  std::string_view text;
  size_t at = 0;
};

/// Fortran order to C order.
Bytes reorder(const Bytes &data, const std::vector<int64_t> &shape, size_t width) {
  Bytes out(data.size());
  std::vector<int64_t> index(shape.size(), 0);
  std::vector<size_t> stride(shape.size(), width);
  for (size_t d = 1; d < shape.size(); ++d)
    stride[d] = stride[d - 1] * static_cast<size_t>(shape[d - 1]);
  for (size_t to = 0; to < data.size(); to += width) {
    size_t from = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      from += static_cast<size_t>(index[d]) * stride[d];
    std::memcpy(out.data() + to, data.data() + from, width);
    for (size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];)
      index[d] = 0;
  }
  return out;
}

std::string npyHeader(const Array &array) {
  std::string text = "{'descr': '";
  for (const auto &type : kTypes)
    if (type.dtype == array.dtype)
      text += type.descr;
  text += "', 'fortran_order': False, 'shape': (";
  for (size_t d = 0; d < array.shape.size(); ++d)
    text += std::to_string(array.shape[d]) + (array.shape.size() == 1      ? ","
                                              : d + 1 < array.shape.size() ? ", "
                                                                           : "");
  text += "), }";
  // The format pads with spaces so that data starts at a multiple of 64.
  size_t preamble = kMagic.size() + 4;
  text.append(63 - (preamble + text.size()) % 64, ' ');
  text += '\n';
  std::string out(kMagic);
  out +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return out + text;
}

struct Discard {
  void operator()(zip_t *zip) const { zip_discard(zip); }
  void operator()(zip_file_t *file) const { zip_fclose(file); }
  void operator()(zip_source_t *source) const { zip_source_free(source); }
};

/// Reads in pieces, so that a lying size field costs no memory.
tl::expected<Bytes, std::string> readEntry(zip_t *zip, zip_uint64_t index) {
  std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(zip, index, 0));
  if (!file)
    return fail(zip_strerror(zip));
  constexpr size_t least = 1 << 12, most = 1 << 20;
  Bytes data;
  while (true) {
    size_t used = data.size(), piece = std::clamp(used, least, most);
    data.resize(used + piece);
    zip_int64_t got = zip_fread(file.get(), data.data() + used, piece);
    if (got < 0)
      return fail(zip_file_strerror(file.get()));
    data.resize(used + static_cast<size_t>(got));
    if (got == 0)
      return data;
  }
}
} // namespace

bool settle(zip_t *zip, uint64_t index) {
  constexpr unsigned short firstDay = 1 << 5 | 1; // 1 January 1980, where the format's time begins
  return zip_set_file_compression(zip, index, ZIP_CM_STORE, 0) == 0 &&
         zip_file_set_dostime(zip, index, 0, firstDay, 0) == 0;
}

const char *dtypeName(aimc_dtype dtype) {
  constexpr const char *names[] = {"f32", "i64", "i32", "bool"};
  return names[dtype];
}

size_t dtypeBytes(aimc_dtype dtype) {
  constexpr size_t bytes[] = {4, 8, 4, 1};
  return bytes[dtype];
}

std::string typeText(const Array &array) {
  std::string text = std::string(dtypeName(array.dtype)) + " [";
  for (size_t d = 0; d < array.shape.size(); ++d)
    text += (d ? ", " : "") + std::to_string(array.shape[d]);
  return text + "]";
}

tl::expected<Array, std::string> parseNpy(std::vector<std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (text.substr(0, kMagic.size()) != kMagic || text.size() < kMagic.size() + 4)
    return fail("not a .npy file");
  auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(text[i])); };
  size_t major = byte(6), lengthBytes = major == 1 ? 2 : 4, start = 8 + lengthBytes, length = 0;
  if (major < 1 || major > 3)
    return fail("expected .npy version 1 to 3, but got " + std::to_string(major));
  if (text.size() < start)
    return fail("the .npy header is cut off");
  for (size_t i = lengthBytes; i-- > 0;)
    length = length << 8 | byte(8 + i);
  if (length > text.size() - start)
    return fail("the .npy header is cut off");
  HeaderParser::Header header;
  if (!HeaderParser(text.substr(start, length)).parse(header))
    return fail("the .npy header is damaged");

  Array array;
  const auto *type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto &t) { return t.descr == header.descr; });
  if (type == std::end(kTypes))
    return fail("expected dtype f32, i64, i32 or bool, but got '" + header.descr + "'");
  array.dtype = type->dtype;
  array.shape = std::move(header.shape);
  auto size = static_cast<int64_t>(dtypeBytes(array.dtype));
  for (int64_t extent : array.shape)
    if (__builtin_mul_overflow(size, extent, &size))
      return fail("the shape is too large");
  if (static_cast<size_t>(size) != text.size() - start - length)
    return fail("expected " + std::to_string(size) + " bytes of data, but got " +
                std::to_string(text.size() - start - length));
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(start + length));
  array.data = header.fortran && array.shape.size() > 1
                   ? reorder(bytes, array.shape, dtypeBytes(array.dtype))
                   : std::move(bytes);
  return array;
}

tl::expected<std::vector<Array>, std::string> readNpz(const std::string &path) {
  int code = 0;
  std::unique_ptr<zip_t, Discard> zip(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    return fail(path + ": cannot read as .npz: " + reason);
  }
  std::vector<Array> arrays;
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip.get(), 0); ++i) {
    const char *entry = zip_get_name(zip.get(), static_cast<zip_uint64_t>(i), 0);
    std::string name = entry ? entry : "";
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0)
      name.resize(name.size() - 4);
    auto bytes = readEntry(zip.get(), static_cast<zip_uint64_t>(i));
    auto array = bytes ? parseNpy(std::move(*bytes)) : fail(bytes.error());
    if (!array)
      return fail(path + ": array '" + name + "': " + array.error());
    array->name = std::move(name);
    arrays.push_back(std::move(*array));
  }
  return arrays;
}

tl::expected<std::vector<std::byte>, std::string> writeNpz(const std::vector<Array> &arrays) {
  zip_error_t error;
  zip_error_init(&error);
  // The archive is built in memory: libzip's own temporary file would outlive an interrupt.
  std::unique_ptr<zip_source_t, Discard> target(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (!target)
    return fail(zip_error_strerror(&error));
  zip_source_keep(target.get());
  std::unique_ptr<zip_t, Discard> zip(
      zip_open_from_source(target.get(), ZIP_CREATE | ZIP_TRUNCATE, &error));
  if (!zip)
    return fail(zip_error_strerror(&error));
  std::vector<Bytes> files;
  files.reserve(arrays.size());
  for (const Array &array : arrays) {
    std::string header = npyHeader(array);
    Bytes &file = files.emplace_back(header.size() + array.data.size());
    std::memcpy(file.data(), header.data(), header.size());
    if (!array.data.empty())
      std::memcpy(file.data() + header.size(), array.data.data(), array.data.size());
    zip_source_t *source = zip_source_buffer(zip.get(), file.data(), file.size(), 0);
    zip_int64_t index =
        source ? zip_file_add(zip.get(), (array.name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8)
               : -1;
    if (index < 0) {
      zip_source_free(source);
      return fail("array '" + array.name + "': " + zip_strerror(zip.get()));
    }
    settle(zip.get(), static_cast<zip_uint64_t>(index));
  }
  if (zip_close(zip.get()) != 0)
    return fail(zip_strerror(zip.get()));
  zip.release(); // closed
  zip_stat_t info;
  if (zip_source_open(target.get()) != 0 || zip_source_stat(target.get(), &info) != 0)
    return fail("cannot read back the archive");
  Bytes out(info.size);
  size_t used = 0;
  while (used < out.size()) {
    zip_int64_t got = zip_source_read(target.get(), out.data() + used, out.size() - used);
    if (got <= 0)
      return fail("cannot read back the archive");
    used += static_cast<size_t>(got);
  }
  zip_source_close(target.get());
  return out;
}

} // namespace aimc::run
