//===- CApiTile.cpp - the C surface of one tile ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "CApiSupport.h"
#include "aimc/exec/Tile.h"

using namespace aimc::exec;

struct aimc_tile {
  std::unique_ptr<Tile> tile;
};

namespace {
/// Runs `body` on a tile whose handle and arguments are there.
template <class F>
aimc_status onTile(aimc_tile *tile,
                   std::initializer_list<std::pair<const char *, const void *>> args,
                   F &&body) noexcept {
  return guarded([&]() -> Result<void> {
    if (!tile)
      return nullArgument("tile");
    for (const auto &[name, pointer] : args)
      if (!pointer)
        return nullArgument(name);
    return body(*tile->tile);
  });
}
} // namespace

extern "C" {

aimc_status aimc_tile_create(const char *target_json, const char *options_json,
                             const float *weights, int64_t rows, int64_t cols, aimc_tile **out) {
  return guarded([&]() -> Result<void> {
    if (!out)
      return nullArgument("out");
    *out = nullptr;
    if (!weights)
      return nullArgument("weights");
    auto tile = Tile::create(target_json, options_json, weights, rows, cols);
    if (!tile)
      return tl::unexpected(tile.error());
    *out = new aimc_tile{std::move(*tile)};
    return {};
  });
}

aimc_status aimc_tile_create_pairs(const char *target_json, const char *options_json,
                                   const float *plus, const float *minus, int64_t rows,
                                   int64_t cols, aimc_tile **out) {
  return guarded([&]() -> Result<void> {
    if (!out)
      return nullArgument("out");
    *out = nullptr;
    if (!plus || !minus)
      return nullArgument(plus ? "minus" : "plus");
    auto tile = Tile::createPairs(target_json, options_json, plus, minus, rows, cols);
    if (!tile)
      return tl::unexpected(tile.error());
    *out = new aimc_tile{std::move(*tile)};
    return {};
  });
}

aimc_status aimc_tile_charges(aimc_tile *tile, const char *fidelity, const double *ticks, int64_t n,
                              double *charges) {
  return onTile(tile, {{"ticks", ticks}, {"charges", charges}},
                [&](Tile &t) { return t.charges(fidelity, ticks, n, charges); });
}

aimc_status aimc_tile_read(aimc_tile *tile, const float *x, int64_t n, float *y) {
  return onTile(tile, {{"x", x}, {"y", y}}, [&](Tile &t) { return t.read(x, n, y); });
}

aimc_status aimc_tile_array(aimc_tile *tile, const char *name, double *data, int64_t count) {
  return onTile(tile, {{"name", name}, {"data", data}},
                [&](Tile &t) { return t.array(name, data, count); });
}

aimc_status aimc_tile_age(aimc_tile *tile, double time_s) {
  return onTile(tile, {}, [&](Tile &t) { return t.age(time_s); });
}

aimc_status aimc_tile_reset(aimc_tile *tile) {
  return onTile(tile, {}, [&](Tile &t) -> Result<void> {
    t.reset();
    return {};
  });
}

aimc_status aimc_tile_statistics(aimc_tile *tile, const char **json) {
  if (json)
    *json = "";
  return onTile(tile, {{"json", json}}, [&](Tile &t) -> Result<void> {
    *json = t.statistics().c_str();
    return {};
  });
}

aimc_status aimc_tile_warnings(aimc_tile *tile, const char **json) {
  if (json)
    *json = "";
  return onTile(tile, {{"json", json}}, [&](Tile &t) -> Result<void> {
    *json = t.warnings().c_str();
    return {};
  });
}

void aimc_tile_destroy(aimc_tile *tile) { delete tile; }

} // extern "C"
