//===- FoldWeight.cpp - from weights to what their tiles multiply with -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "TileLinear.h"

#include "aimc/model/Clones.h"
#include "aimc/model/Programming.h"

#include <algorithm>

namespace aimc::ops {

namespace {

constexpr int64_t n = model::kLadderStrip;

/// Per column of a strip.
struct Columns {
  double scale[n], inverse[n], gain[n];
};

/// u = w / s in place, loads and differences of the target pairs.
AIMC_CLONES
void pairs(double *w, const double *inverse, int64_t rows, double gMin, double gMax, double *load,
           double *difference) {
  for (int64_t i = 0; i < rows * n; i += n)
    for (int64_t j = 0; j < n; ++j) {
      const double u = w[i + j] * inverse[j];
      const auto pair = model::targetPair(u, 1.0, gMin, gMax);
      w[i + j] = u;
      load[i + j] = pair.plus + pair.minus;
      difference[i + j] = pair.plus - pair.minus;
    }
}

AIMC_CLONES
void scaled(const double *transfer, const double *factor, int64_t rows, double *difference) {
  for (int64_t i = 0; i < rows * n; i += n)
    for (int64_t j = 0; j < n; ++j)
      difference[i + j] *= transfer[i + j] * factor[j];
}

/// First half of the adjoint: dL/dT into `bar`, dL/d(G+ - G-) at constant T into `wdBar`, and what
/// the digital factors get, sum_i WdBar T (G+ - G-).
AIMC_CLONES
void throughProduct(double *wdBar, const double *transfer, const double *difference,
                    const double *factor, int64_t rows, double *bar, double *sum) {
  for (int64_t i = 0; i < rows * n; i += n)
    for (int64_t j = 0; j < n; ++j) {
      const double g = wdBar[i + j] * factor[j], t = transfer[i + j], d = difference[i + j];
      sum[j] += wdBar[i + j] * t * d;
      bar[i + j] = g * d;
      wdBar[i + j] = g * t;
    }
}

/// Second half: dL/du from dL/dload and dL/ddifference, into `direct`; and sum_i uBar u.
AIMC_CLONES
void throughPairs(const double *load, double *direct, const double *u, int64_t rows, double span,
                  const double *inverse, double *sum) {
  for (int64_t i = 0; i < rows * n; i += n)
    for (int64_t j = 0; j < n; ++j) {
      const double v = u[i + j], plus = load[i + j] + direct[i + j],
                   minus = direct[i + j] - load[i + j];
      const double inside = (v <= kAtScale && v >= -kAtScale) ? span : 0.0;
      const double g = (v >= 0.0 ? plus : minus) * inside;
      sum[j] += g * v;
      direct[i + j] = g * inverse[j];
    }
}

template <class S> Columns columnsOf(const TileInputs &in, const Strip &s) {
  Columns c{};
  const S *scale = in.scale.const_data_ptr<S>() + s.block->band * in.n;
  const S *gain = in.gain.defined() ? in.gain.const_data_ptr<S>() + s.block->band * in.n : nullptr;
  for (int64_t j = 0; j < s.count; ++j) {
    const int64_t col = s.first + j * s.step;
    c.scale[j] = static_cast<double>(scale[col]);
    c.inverse[j] = c.scale[j] > 0.0 ? 1.0 / c.scale[j] : 0.0;
    c.gain[j] = gain ? static_cast<double>(gain[col]) : 1.0;
  }
  return c;
}

template <class F>
void eachStrip(const TileInputs &in, const TileParams &p, int arrays, const F &f) {
  const auto strips = makeStrips(in.list, p.array);
  at::parallel_for(0, static_cast<int64_t>(strips.size()), 1, [&](int64_t begin, int64_t end) {
    const int64_t size = p.array.tileRows * n;
    std::vector<double> scratch(static_cast<size_t>(arrays * size));
    for (int64_t i = begin; i < end; ++i)
      f(strips[static_cast<size_t>(i)], scratch.data(), size);
  });
}

} // namespace

void foldWeight(const TileInputs &in, const TileParams &p, at::Tensor &folded) {
  const auto wire = p.array.wire();
  AT_DISPATCH_FLOATING_TYPES(in.weight.scalar_type(), "tile_linear", [&] {
    const auto from = matrixOf<const scalar_t>(in.weight, p.transposed);
    const auto to = matrixOf<scalar_t>(folded, p.transposed);
    eachStrip(in, p, 4, [&](const Strip &s, double *load, int64_t size) {
      double *transfer = load + size, *u = transfer + size, *difference = u + size;
      double before[n], factor[n];
      const Columns c = columnsOf<scalar_t>(in, s);
      for (int64_t j = 0; j < n; ++j)
        factor[j] = c.scale[j] * c.gain[j] / (p.gMax - p.gMin);
      gather(from, s, u);
      surroundings<scalar_t>(s, p.array, nullptr, 0, load, before);
      pairs(u, c.inverse, s.block->rows, p.gMin, p.gMax, load, difference);
      model::ladderStrip(load, s.rows(p.array), before, wire, transfer);
      scaled(transfer, factor, s.block->rows, difference);
      scatter(difference, s, to);
    });
  });
}

void foldWeightAdjoint(const TileInputs &in, const TileParams &p, at::Tensor &bar,
                       at::Tensor &scaleBar, at::Tensor &gainBar) {
  const auto wire = p.array.wire();
  const double span = p.gMax - p.gMin;
  AT_DISPATCH_FLOATING_TYPES(in.weight.scalar_type(), "tile_linear_backward", [&] {
    const auto from = matrixOf<const scalar_t>(in.weight, p.transposed);
    const auto io = matrixOf<scalar_t>(bar, p.transposed);
    eachStrip(in, p, 5, [&](const Strip &s, double *load, int64_t size) {
      double *transfer = load + size, *u = transfer + size, *difference = u + size,
             *direct = difference + size;
      double before[n], factor[n], product[n] = {}, inner[n] = {};
      const int64_t rows = s.block->rows, all = s.rows(p.array);
      const Columns c = columnsOf<scalar_t>(in, s);
      for (int64_t j = 0; j < n; ++j)
        factor[j] = c.scale[j] * c.gain[j] / span;
      gather(from, s, u);
      surroundings<scalar_t>(s, p.array, nullptr, 0, load, before);
      pairs(u, c.inverse, rows, p.gMin, p.gMax, load, difference);
      model::ladderStrip(load, all, before, wire, transfer);
      gather(Matrix<const scalar_t>{io.data, io.rowStride, io.colStride}, s, direct);
      throughProduct(direct, transfer, difference, factor, rows, difference, product);
      std::fill(difference + rows * n, difference + all * n, 0.0);
      model::ladderStripAdjoint(load, transfer, all, wire, difference);
      throughPairs(difference, direct, u, rows, span, c.inverse, inner);
      scatter(direct, s, io);
      for (int64_t j = 0; j < s.count; ++j) {
        const int64_t at = s.block->band * in.n + s.first + j * s.step;
        if (scaleBar.defined())
          scaleBar.mutable_data_ptr<scalar_t>()[at] =
              static_cast<scalar_t>(product[j] * c.gain[j] / span - inner[j] * c.inverse[j]);
        if (gainBar.defined())
          gainBar.mutable_data_ptr<scalar_t>()[at] =
              static_cast<scalar_t>(product[j] * c.scale[j] / span);
      }
    });
  });
}

} // namespace aimc::ops
