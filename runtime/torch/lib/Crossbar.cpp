//===- Crossbar.cpp - tiles with row and column wires, in training -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The two-dimensional network is folded by runtime/model on the CPU, in the precision of the
// devices given, each block alone in its tile. The gradient is the implicit one of the converged
// sweeps; it costs two solves of the network per row. The transfer that read noise needs carries
// none.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Record.h"
#include "Strips.h"

#include "aimc/model/Crossbar.h"
#include "aimc/torch/Operators.h"

namespace aimc::ops {
namespace {

using at::Tensor;
using Two = std::tuple<Tensor, Tensor>;

#define AIMC_CROSSBAR_SCALARS                                                                      \
  at::IntArrayRef blocks, bool transposed, int64_t tileRows, int64_t tileCols, double columnOhm,   \
      double adcOhm, double rowOhm, double driverOhm, bool alternating, double readVolt,           \
      double restUS
#define AIMC_CROSSBAR_VALUES                                                                       \
  blocks, transposed, tileRows, tileCols, columnOhm, adcOhm, rowOhm, driverOhm, alternating,       \
      readVolt, restUS
using Forward = Two(const Tensor &, const Tensor &, AIMC_CROSSBAR_SCALARS);
using Backward = Two(const Tensor &, const Tensor &, const Tensor &, AIMC_CROSSBAR_SCALARS);

Tensor upright(const Tensor &t, bool transposed) {
  const Tensor host = t.to(at::kCPU);
  return (transposed ? host.t() : host).contiguous();
}

model::TileView viewOf(const float *plus, const float *minus, int64_t rows, int64_t cols) {
  return {plus, minus, rows, cols, cols};
}
model::PreciseTile viewOf(const double *plus, const double *minus, int64_t rows, int64_t cols) {
  return {plus, minus, rows, cols, cols};
}

/// Runs f(block, its tile, its place) over all blocks.
template <class S, class F>
void eachBlock(const Tensor &plus, const Tensor &minus, at::IntArrayRef blocks, int64_t tileRows,
               int64_t tileCols, double restUS, const F &f) {
  const auto list = readBlocks(blocks, plus.size(0), plus.size(1), tileRows);
  for (const Block &b : list.blocks)
    TORCH_CHECK_VALUE(b.atCol + b.cols <= tileCols, "expected block ", b.index,
                      " within a tile of ", tileCols, " columns, but got ", b.cols,
                      " columns at column ", b.atCol);
  at::parallel_for(0, static_cast<int64_t>(list.blocks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Block &b = list.blocks[static_cast<size_t>(i)];
      const auto cells = static_cast<size_t>(tileRows * tileCols);
      std::vector<S> p(cells, static_cast<S>(restUS / 2)), m = p;
      for (int64_t r = 0; r < b.rows; ++r) {
        const int64_t from = (b.row + r) * plus.size(1) + b.col,
                      to = (b.atRow + r) * tileCols + b.atCol;
        std::copy_n(plus.const_data_ptr<S>() + from, b.cols, p.data() + to);
        std::copy_n(minus.const_data_ptr<S>() + from, b.cols, m.data() + to);
      }
      f(b, viewOf(p.data(), m.data(), tileRows, tileCols),
        model::BlockWindow{b.atRow, b.rows, b.atCol, b.cols});
    }
  });
}

model::Readout readoutOf(bool alternating) {
  return alternating ? model::Readout::Alternating : model::Readout::Single;
}

Two forwardHost(const Tensor &plusGiven, const Tensor &minusGiven, AIMC_CROSSBAR_SCALARS) {
  checkReal(plusGiven, "plus");
  TORCH_CHECK_VALUE(plusGiven.dim() == 2 && plusGiven.sizes() == minusGiven.sizes(),
                    "expected plus and minus of one shape of rank 2, but got ", plusGiven.sizes(),
                    " and ", minusGiven.sizes());
  const Tensor plus = upright(plusGiven, transposed), minus = upright(minusGiven, transposed);
  Tensor weff = at::empty_like(plus), transfer = at::empty_like(plus);
  model::Wires wires;
  wires.columnOhm = columnOhm;
  wires.adcOhm = adcOhm;
  wires.rowOhm = rowOhm;
  wires.driverOhm = driverOhm;
  const int64_t n = plus.size(1);
  AT_DISPATCH_FLOATING_TYPES(plus.scalar_type(), "fold_crossbar", [&] {
    eachBlock<scalar_t>(plus, minus, blocks, tileRows, tileCols, restUS,
                        [&](const Block &b, const auto &tile, const model::BlockWindow &window) {
                          const int64_t corner = b.row * n + b.col;
                          const auto result = model::foldCrossbar(
                              tile, wires, readoutOf(alternating), window,
                              weff.mutable_data_ptr<scalar_t>() + corner,
                              transfer.mutable_data_ptr<scalar_t>() + corner, n);
                          TORCH_CHECK(result.converged, "expected the network of block ", b.index,
                                      " to converge, but its residual is ", result.residual,
                                      " after ", result.sweeps, " sweeps");
                        });
  });
  const auto back = [&](const Tensor &t) {
    return (transposed ? t.t() : t).to(plusGiven.options()).contiguous();
  };
  return {back(weff * readVolt), back(transfer)};
}

Two backwardHost(const Tensor &gradGiven, const Tensor &plusGiven, const Tensor &minusGiven,
                 AIMC_CROSSBAR_SCALARS) {
  const Tensor plus = upright(plusGiven, transposed), minus = upright(minusGiven, transposed),
               grad = upright(gradGiven, transposed) * readVolt;
  Tensor plusBar = at::empty_like(plus), minusBar = at::empty_like(plus);
  model::Wires wires;
  wires.columnOhm = columnOhm;
  wires.adcOhm = adcOhm;
  wires.rowOhm = rowOhm;
  wires.driverOhm = driverOhm;
  const int64_t n = plus.size(1);
  AT_DISPATCH_FLOATING_TYPES(plus.scalar_type(), "fold_crossbar_backward", [&] {
    eachBlock<scalar_t>(
        plus, minus, blocks, tileRows, tileCols, restUS,
        [&](const Block &b, const auto &tile, const model::BlockWindow &window) {
          std::vector<scalar_t> p(static_cast<size_t>(tileRows * tileCols), 0), m = p;
          model::foldCrossbarAdjoint(tile, wires, readoutOf(alternating), window,
                                     grad.const_data_ptr<scalar_t>() + b.row * n + b.col, n,
                                     p.data(), m.data());
          for (int64_t r = 0; r < b.rows; ++r) {
            const int64_t to = (b.row + r) * n + b.col, from = (b.atRow + r) * tileCols + b.atCol;
            std::copy_n(p.data() + from, b.cols, plusBar.mutable_data_ptr<scalar_t>() + to);
            std::copy_n(m.data() + from, b.cols, minusBar.mutable_data_ptr<scalar_t>() + to);
          }
        });
  });
  const auto back = [&](const Tensor &t) {
    return (transposed ? t.t() : t).to(plusGiven.options()).contiguous();
  };
  return {back(plusBar), back(minusBar)};
}

Two forwardMeta(const Tensor &plus, const Tensor &, AIMC_CROSSBAR_SCALARS) {
  return {at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint(plus.sym_sizes(), plus.options())};
}
Two backwardMeta(const Tensor &, const Tensor &plus, const Tensor &, AIMC_CROSSBAR_SCALARS) {
  return {at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint(plus.sym_sizes(), plus.options())};
}

Two autograd(const Tensor &plus, const Tensor &minus, AIMC_CROSSBAR_SCALARS) {
  static const auto forward =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::fold_crossbar", "").typed<Forward>();
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("aimc::fold_crossbar_backward", "")
                                   .typed<Backward>();
  auto node = record("FoldCrossbarBackward", {plus, minus}, {plus, minus},
                     [=, list = blocks.vec()](const variable_list &grads,
                                              const variable_list &saved) -> variable_list {
                       const at::IntArrayRef blocks(list);
                       const auto [p, m] =
                           backward.call(grads[0], saved[0], saved[1], AIMC_CROSSBAR_VALUES);
                       return {p, m};
                     });
  const auto out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return forward.call(plus, minus, AIMC_CROSSBAR_VALUES);
  }();
  attach(node, std::get<0>(out));
  return out;
}

} // namespace

Two foldCrossbar(const Tensor &plus, const Tensor &minus, const Blocks &blocks, bool transposed,
                 const Circuit &c) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::fold_crossbar", "").typed<Forward>();
  return op.call(plus, minus, blocks, transposed, c.tileRows, c.tileCols, c.columnOhm, c.adcOhm,
                 c.rowOhm, c.driverOhm, c.alternating, c.readVolt, 2 * c.gMinUS);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("fold_crossbar", aimc::ops::forwardHost);
  m.impl("fold_crossbar_backward", aimc::ops::backwardHost);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("fold_crossbar", aimc::ops::forwardMeta);
  m.impl("fold_crossbar_backward", aimc::ops::backwardMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("fold_crossbar", aimc::ops::autograd); }
