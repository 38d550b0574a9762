//===- Json.cpp - values of noise specs -----------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Json.h"

#include "aimc/files/Json.h"
#include "aimc/files/Text.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <sstream>

namespace aimc::train {

using nlohmann::json;

std::string shown(const json &value) {
  constexpr size_t longest = 60;
  std::string text;
  if (value.is_string())
    text.append("'").append(value.get_ref<const std::string &>()).append("'");
  else
    text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= longest ? files::printable(text) : files::printable(text, longest - 3);
}

std::string shown(double value) {
  std::ostringstream os;
  os << value;
  return os.str();
}

json parseJson(const std::string &text) {
  auto parsed = files::parseJson(text);
  if (!parsed)
    throw Fault(parsed.error());
  return std::move(*parsed);
}

Entry::Entry(const json &value, std::string where) : values(&value), path(std::move(where)) {
  if (!value.is_object())
    throw Fault((path.empty() ? "" : path + ": ") + "expected an object, but got " + shown(value));
  if (!path.empty())
    path += '.';
}

const json *Entry::raw(const char *key) const {
  auto found = values->find(key);
  return found == values->end() ? nullptr : &*found;
}

bool Entry::has(const char *key) const { return raw(key) && !raw(key)->is_null(); }

void Entry::allow(const std::vector<std::string> &known) const {
  for (const auto &[key, value] : values->items()) {
    if (std::find(known.begin(), known.end(), key) != known.end())
      continue;
    std::string list;
    for (const std::string &name : known)
      list += (list.empty() ? "" : ", ") + name;
    const std::string where = path.empty() ? "" : path.substr(0, path.size() - 1) + ": ";
    throw Fault(where + "unknown key " + shown(key) + ", expected one of: " + list);
  }
}

Fault Entry::wrong(const char *key, const std::string &expected) const {
  const json *value = raw(key);
  std::string said = path + key + ": expected " + expected + ", but ";
  if (value)
    said.append("got ").append(shown(*value));
  else
    said.append("it is missing");
  return Fault(said);
}

int64_t Entry::integer(const char *key, int64_t low, int64_t high) const {
  const json *value = raw(key);
  // Beyond int64 a number is unsigned or real here, and as an int64 it would be another.
  bool fits =
      value && value->is_number_integer() &&
      !(value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(high));
  if (!fits || value->get<int64_t>() < low || value->get<int64_t>() > high)
    throw wrong(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return value->get<int64_t>();
}

double Entry::real(const char *key, double low, double high) const {
  const json *value = raw(key);
  if (!value || !value->is_number() ||
      !(value->get<double>() >= low && value->get<double>() <= high))
    throw wrong(key, "a number from " + shown(low) + " to " + shown(high));
  return value->get<double>();
}

std::string Entry::name(const char *key) const {
  const json *value = raw(key);
  if (!value || !value->is_string() || value->get<std::string>().empty())
    throw wrong(key, "a name");
  return value->get<std::string>();
}

std::string Entry::word(const char *key, const std::vector<std::string> &known) const {
  const json *value = raw(key);
  if (value && value->is_string() &&
      std::find(known.begin(), known.end(), value->get<std::string>()) != known.end())
    return value->get<std::string>();
  std::string list;
  for (const std::string &name : known)
    list += (list.empty() ? "" : ", ") + name;
  throw wrong(key, "one of: " + list);
}

bool Entry::flag(const char *key) const {
  const json *value = raw(key);
  if (!value || !value->is_boolean())
    throw wrong(key, "true or false");
  return value->get<bool>();
}

std::vector<Entry> Entry::entries(const char *key) const {
  const json *value = raw(key);
  if (!value || !value->is_array() || value->empty())
    throw wrong(key, std::string("a list of ") + key);
  std::vector<Entry> list;
  for (size_t i = 0; i < value->size(); ++i)
    list.emplace_back((*value)[i], path + key + "[" + std::to_string(i) + "]");
  return list;
}

at::Tensor Entry::tensor(const char *key, const TensorFile &file, c10::IntArrayRef shape) const {
  if (!has(key))
    return {};
  const std::string wanted = name(key);
  auto found = file.tensors.find(wanted);
  if (found == file.tensors.end())
    throw Fault(path + key + ": expected a tensor '" + wanted + "', but the spec's file has none");
  const at::Tensor &tensor = found->second;
  auto list = [](c10::IntArrayRef sizes) {
    std::ostringstream os;
    os << sizes;
    return os.str();
  };
  const std::string where = path + key + ": tensor '" + wanted + "': expected ";
  if (tensor.sizes() != shape)
    throw Fault(where + "shape " + list(shape) + ", but got " + list(tensor.sizes()));
  if (tensor.scalar_type() != at::kFloat)
    throw Fault(where + "elements of float32, but got " + c10::toString(tensor.scalar_type()));
  if (!tensor.isfinite().logical_and(tensor.ge(0)).all().item<bool>())
    throw Fault(where + "finite numbers of at least 0, but got others");
  return tensor;
}

} // namespace aimc::train
