//===- CApiTile.cpp - the C surface of one tile ---------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "CApiSupport.h"
#include "Handles.h"
#include "aimc/exec/Tile.h"

using namespace aimc::exec;

namespace {
Handles<Tile, aimc_tile> &tiles() {
  static auto &table = *new Handles<Tile, aimc_tile>("tile", 3);
  return table;
}

/// A new handle of what `make` gives, when the arguments are there.
template <class F>
aimc_status create(aimc_tile **out,
                   std::initializer_list<std::pair<const char *, const void *>> args,
                   F &&make) noexcept {
  if (out)
    *out = nullptr;
  return guarded([&]() -> Result<void> {
    if (auto given = notNull({{"out", out}}); !given)
      return given;
    if (auto given = notNull(args); !given)
      return given;
    Result<std::unique_ptr<Tile>> tile = make();
    if (!tile)
      return tl::unexpected(tile.error());
    *out = tiles().add(std::move(*tile));
    return {};
  });
}
} // namespace

extern "C" {

aimc_status aimc_tile_create(const char *target_json, const char *options_json,
                             const float *weights, int64_t rows, int64_t cols, aimc_tile **out) {
  return create(out, {{"weights", weights}},
                [&] { return Tile::create(target_json, options_json, weights, rows, cols); });
}

aimc_status aimc_tile_create_pairs(const char *target_json, const char *options_json,
                                   const float *plus, const float *minus, int64_t rows,
                                   int64_t cols, aimc_tile **out) {
  return create(out, {{"plus", plus}, {"minus", minus}}, [&] {
    return Tile::createPairs(target_json, options_json, plus, minus, rows, cols);
  });
}

aimc_status aimc_tile_charges(aimc_tile *tile, const char *fidelity, const double *ticks, int64_t n,
                              double *charges) {
  return onOpen(tiles(), tile, {{"ticks", ticks}, {"charges", charges}},
                [&](Tile &t) { return t.charges(fidelity, ticks, n, charges); });
}

aimc_status aimc_tile_read(aimc_tile *tile, const float *x, int64_t n, float *y) {
  return onOpen(tiles(), tile, {{"x", x}, {"y", y}}, [&](Tile &t) { return t.read(x, n, y); });
}

aimc_status aimc_tile_array(aimc_tile *tile, const char *name, double *data, int64_t count) {
  return onOpen(tiles(), tile, {{"name", name}, {"data", data}},
                [&](Tile &t) { return t.array(name, data, count); });
}

aimc_status aimc_tile_age(aimc_tile *tile, double time_s) {
  return onOpen(tiles(), tile, {}, [&](Tile &t) { return t.age(time_s); });
}

aimc_status aimc_tile_reset(aimc_tile *tile) {
  return onOpen(tiles(), tile, {}, [](Tile &t) { return t.reset(); });
}

aimc_status aimc_tile_statistics(aimc_tile *tile, char **json) {
  return textOf(tiles(), tile, json, [](Tile &t) { return t.statistics(); });
}

aimc_status aimc_tile_warnings(aimc_tile *tile, char **json) {
  return textOf(tiles(), tile, json, [](Tile &t) { return t.warnings(); });
}

void aimc_tile_destroy(aimc_tile *tile) { tiles().remove(tile); }

} // extern "C"
