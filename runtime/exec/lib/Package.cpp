//===- Package.cpp - an opened and checked package ------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/exec/Package.h"

#include "aimc/exec/Cpu.h"
#include "aimc/files/Sha256.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <future>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace aimc::exec {

namespace {
constexpr size_t kAlignment = 64;
/// What single precision leaves of a row sum of 1.
constexpr double kShareTolerance = 1e-3;

const char *storedName(aimc_dtype dtype) {
  constexpr const char *names[] = {"F32", "I64", "I32", "BOOL"};
  return names[dtype];
}

bool isConstantType(const std::string &dtype) {
  for (aimc_dtype known : {AIMC_F32, AIMC_I64, AIMC_I32, AIMC_BOOL})
    if (dtype == storedName(known))
      return true;
  return false;
}
} // namespace

Result<std::shared_ptr<const Package>> Package::open(const std::string &path,
                                                     const Options &options) {
  std::shared_ptr<Package> package(new Package);
  package->folder = path;
  while (package->folder.size() > 1 && package->folder.back() == '/')
    package->folder.pop_back();
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return fail(AIMC_BAD_PACKAGE, path + ": cannot open: " + std::strerror(errno));
  if (!S_ISDIR(info.st_mode))
    return fail(AIMC_BAD_PACKAGE,
                path + ": expected a package folder, but got a file" +
                    (path.ends_with(".onnx") || path.ends_with(".mlir")
                         ? "; compile it first: aimc-compile " + path + " (Python: aimc.compile)"
                         : ""));
  if (auto done = package->readManifest(options); !done)
    return tl::unexpected(done.error());
  // The processor first: on the wrong machine nothing else matters. Hashes before anything is
  // believed or executed.
  if (auto done = package->checkProcessor(); !done)
    return tl::unexpected(done.error());
  if (auto done = package->checkFiles(options); !done)
    return tl::unexpected(done.error());
  if (auto done = package->checkWeights(); !done)
    return tl::unexpected(done.error());
  if (auto done = package->load(); !done)
    return tl::unexpected(done.error());
  return package;
}

Package::~Package() {
  if (library)
    ::dlclose(library);
  if (libraryFile >= 0)
    ::close(libraryFile);
}

Result<void> Package::readManifest(const Options &options) {
  std::string path = pathOf("manifest.json");
  auto file = MappedFile::open(path);
  if (!file)
    return tl::unexpected(file.error());
  text.assign(reinterpret_cast<const char *>((*file)->data()), (*file)->size());
  if (options.verifyHashes)
    if (auto whole = checkManifestHash(text, path); !whole)
      return whole;
  auto parsed = Manifest::parse(text, path);
  if (!parsed)
    return tl::unexpected(parsed.error());
  description = std::move(*parsed);
  return {};
}

Result<void> Package::checkProcessor() const {
  std::string architecture = description.triple.substr(0, description.triple.find('-'));
  if (architecture != hostArchitecture())
    return fail(AIMC_UNSUPPORTED, folder + ": the package is for " + quote(architecture) +
                                      " processors, but this is a " + hostArchitecture());
  std::vector<std::string> missing = missingFeatures(description.features);
  if (missing.empty())
    return {};
  std::string list;
  for (const std::string &name : missing)
    list += (list.empty() ? "" : ", ") + name;
  return fail(AIMC_UNSUPPORTED, folder + ": the package is for " + quote(description.cpu) +
                                    ", but this processor lacks " + list +
                                    "; compile again with --mcpu for this machine");
}

Result<void> Package::checkFiles(const Options &options) {
  std::vector<std::shared_ptr<const MappedFile>> maps;
  for (const FileEntry &entry : description.files) {
    auto map = MappedFile::open(pathOf(entry.name));
    if (!map)
      return tl::unexpected(map.error());
    if ((*map)->size() != entry.bytes)
      return fail(AIMC_BAD_PACKAGE, pathOf(entry.name) + ": expected " +
                                        std::to_string(entry.bytes) + " bytes, but got " +
                                        std::to_string((*map)->size()));
    maps.push_back(std::move(*map));
  }
  if (options.verifyHashes) {
    // One task per file: the weights dominate, the others hide beside them.
    std::vector<std::future<files::Result<std::string>>> digests;
    for (const auto &map : maps) {
      if (map->size() != 0)
        ::madvise(const_cast<std::byte *>(map->data()), map->size(), MADV_SEQUENTIAL);
      auto hash = [map] { return files::sha256Hex(map->data(), map->size()); };
      try {
        digests.push_back(std::async(
            map->size() > (1u << 20) ? std::launch::async : std::launch::deferred, hash));
      } catch (const std::system_error &) { // no memory for a thread: one after the other
        digests.push_back(std::async(std::launch::deferred, hash));
      }
    }
    for (size_t i = 0; i < maps.size(); ++i) {
      files::Result<std::string> digest = digests[i].get();
      if (!digest)
        return fail(AIMC_INTERNAL, digest.error());
      const FileEntry &entry = description.files[i];
      if (*digest != entry.sha256)
        return fail(AIMC_BAD_PACKAGE, pathOf(entry.name) +
                                          ": the file was changed after it was compiled, expected "
                                          "SHA-256 " +
                                          entry.sha256 + ", but got " + *digest);
    }
  }
  for (size_t i = 0; i < maps.size(); ++i) {
    if (description.files[i].name != "weights.safetensors")
      continue;
    if (maps[i]->size() != 0)
      ::madvise(const_cast<std::byte *>(maps[i]->data()), maps[i]->size(), MADV_NORMAL);
    auto parsed = Safetensors::parse(maps[i], pathOf(description.files[i].name));
    if (!parsed)
      return tl::unexpected(parsed.error());
    tensors = std::make_unique<Safetensors>(std::move(*parsed));
  }
  return {};
}

/// A tensor of floats that can be used in place.
Result<const StoredTensor *> Package::floats(const std::string &name,
                                             const std::vector<int64_t> &shape) const {
  const std::string file = pathOf("weights.safetensors");
  const StoredTensor *tensor = tensors->find(name);
  if (!tensor)
    return fail(AIMC_BAD_PACKAGE, file + ": no tensor named " + quote(name));
  const std::string label = file + ": tensor " + quote(name) + ": ";
  if (tensor->dtype != "F32" || tensor->shape != shape)
    return fail(AIMC_BAD_PACKAGE, label + "expected F32 " + shapeText(shape) + ", but got " +
                                      tensor->dtype + " " + shapeText(tensor->shape));
  if (reinterpret_cast<uintptr_t>(tensor->data) % alignof(float) != 0)
    return fail(AIMC_BAD_PACKAGE, label + "expected data aligned to 4 bytes");
  return tensor;
}

/// Row activities are distributions, scales are sizes.
Result<void> Package::checkCalibration(const Weight &w) const {
  auto refuse = [&](const std::string &tensor, const char *expected, double got, int64_t index) {
    char text[40];
    std::snprintf(text, sizeof text, "%.9g", got);
    return fail(AIMC_BAD_PACKAGE, pathOf("weights.safetensors") + ": tensor " + quote(tensor) +
                                      ": expected " + expected + ", but got " + text + " at " +
                                      std::to_string(index));
  };
  if (!w.activity.empty()) {
    auto tensor = floats(w.activity, {w.rows, model::kActivityBins});
    if (!tensor)
      return tl::unexpected(tensor.error());
    const auto *bins = reinterpret_cast<const float *>((*tensor)->data);
    for (int64_t row = 0; row < w.rows; ++row) {
      double sum = 0;
      for (int64_t bin = 0; bin < model::kActivityBins; ++bin) {
        const double share = bins[row * model::kActivityBins + bin];
        if (!(share >= 0 && share <= 1 + kShareTolerance))
          return refuse(w.activity, "shares from 0 to 1", share, row * model::kActivityBins + bin);
        sum += share;
      }
      if (std::fabs(sum - 1) > kShareTolerance)
        return refuse(w.activity, "row sums of 1", sum, row);
    }
  }
  for (const Block &block : w.blocks) {
    if (block.scales.empty())
      continue;
    auto tensor = floats(block.scales, {block.cols});
    if (!tensor)
      return tl::unexpected(tensor.error());
    const auto *scales = reinterpret_cast<const float *>((*tensor)->data);
    for (int64_t j = 0; j < block.cols; ++j)
      if (!(scales[j] >= 0 && std::isfinite(scales[j]))) // 0: a column of zeros
        return refuse(block.scales, "finite scales of at least 0", scales[j], j);
  }
  return {};
}

Result<void> Package::checkWeights() {
  const std::string file = pathOf("weights.safetensors");
  for (const Weight &w : description.weights) {
    const std::vector<int64_t> shape =
        w.transposed ? std::vector{w.cols, w.rows} : std::vector{w.rows, w.cols};
    if (auto tensor = floats(w.tensor, shape); !tensor)
      return tl::unexpected(tensor.error());
    if (auto good = checkCalibration(w); !good)
      return good;
  }
  for (const std::string &name : description.constants) {
    const StoredTensor *tensor = tensors->find(name);
    if (!tensor)
      return fail(AIMC_BAD_PACKAGE, file + ": no tensor named " + quote(name));
    if (!isConstantType(tensor->dtype))
      return fail(AIMC_BAD_PACKAGE, file + ": tensor " + quote(name) +
                                        ": expected one of F32, I64, I32, BOOL, but got " +
                                        tensor->dtype);
    const void *data = tensor->data;
    // The format lets tensors follow each other without padding; compiled code wants 64 bytes.
    if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0 || tensor->bytes == 0) {
      size_t bytes =
          std::max(kAlignment, (tensor->bytes + kAlignment - 1) / kAlignment * kAlignment);
      std::shared_ptr<void> copy(std::aligned_alloc(kAlignment, bytes), std::free);
      if (!copy)
        return fail(AIMC_INTERNAL, file + ": not enough memory for tensor " + quote(name));
      if (tensor->bytes != 0)
        std::memcpy(copy.get(), data, tensor->bytes);
      data = copy.get();
      alignedCopies.push_back(std::move(copy));
    }
    constantPointers.push_back(data);
  }
  return {};
}

Result<void> Package::load() {
  std::string path = pathOf("model.so");
  // The loader takes a path that it has loaded before for the same library, also when another
  // package has been compiled to that path since. A descriptor that stays open as long as the
  // library is loaded gives every load a name of its own.
  libraryFile = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (libraryFile < 0)
    return fail(AIMC_BAD_PACKAGE, path + ": cannot open: " + std::strerror(errno));
  std::string file = "/proc/self/fd/" + std::to_string(libraryFile);
  library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = ::dlerror();
    return fail(AIMC_BAD_PACKAGE, path + ": cannot load: " + (reason ? reason : "unknown reason"));
  }
  const auto *version = static_cast<const uint32_t *>(::dlsym(library, "aimc_abi_version"));
  if (!version)
    return fail(AIMC_BAD_PACKAGE, path + ": expected a symbol 'aimc_abi_version'");
  if (*version != AIMC_ABI_VERSION)
    return fail(AIMC_UNSUPPORTED, path + ": expected ABI version " +
                                      std::to_string(AIMC_ABI_VERSION) + ", but got " +
                                      std::to_string(*version) + ", compile the model again");
  for (const Entry &entry : description.entries) {
    void *symbol = ::dlsym(library, entry.symbol.c_str());
    if (!symbol)
      return fail(AIMC_BAD_PACKAGE, path + ": expected a symbol " + quote(entry.symbol));
    entries.push_back(reinterpret_cast<aimc_entry_fn>(symbol));
  }
  return {};
}

} // namespace aimc::exec
