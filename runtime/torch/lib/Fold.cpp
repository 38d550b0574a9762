//===- Fold.cpp - conductances into the matrix that a tile multiplies with -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "FoldComposite.h"
#include "Loops.h"
#include "Record.h"
#include "Strips.h"

#include "aimc/model/Ladder.h"
#include "aimc/torch/Operators.h"

#include <algorithm>

namespace aimc::ops {
namespace {

using at::Tensor;
using Two = std::tuple<Tensor, Tensor>;
using MaybeTensor = std::optional<Tensor>;
using Forward = Two(const Tensor &, const Tensor &, const MaybeTensor &, at::IntArrayRef, bool,
                    int64_t, double, double, bool, double, double);
using Backward = Two(const Tensor &, const MaybeTensor &, const Tensor &, const Tensor &,
                     const MaybeTensor &, at::IntArrayRef, bool, int64_t, double, double, bool,
                     double, double);
constexpr int64_t n = model::kLadderStrip;

template <class S> auto findOp(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<S>();
}

void check(const Tensor &plus, const Tensor &minus, const MaybeTensor &background,
           const BlockList &list, int64_t tileRows) {
  checkReal(plus, "plus");
  TORCH_CHECK_VALUE(plus.sizes() == minus.sizes() && plus.scalar_type() == minus.scalar_type(),
                    "expected plus and minus of one shape and type, but got ", plus.sizes(),
                    " and ", minus.sizes());
  if (!background)
    return;
  int64_t widest = 0;
  for (const Block &b : list.blocks)
    widest = std::max(widest, b.cols);
  TORCH_CHECK_VALUE(background->dim() == 3 && background->scalar_type() == plus.scalar_type() &&
                        background->size(0) == static_cast<int64_t>(list.blocks.size()) &&
                        background->size(1) == tileRows && background->size(2) >= widest,
                    "expected background of shape [", list.blocks.size(), ", ", tileRows, ", ",
                    widest, "] and of the type of plus, but got ", background->sizes());
}

/// What the kernels below share: contiguous inputs, their batch, strips.
struct Job {
  BlockList list;
  Array array;
  std::vector<Strip> strips;
  int64_t batch = 1, cells = 0;
  MaybeTensor background;

  Job(const Tensor &plus, const Tensor &minus, const MaybeTensor &other, at::IntArrayRef blocks,
      bool transposed, const Array &where)
      : array(where) {
    TORCH_CHECK_VALUE(plus.dim() >= 2, "expected conductances of rank 2 or more, but got rank ",
                      plus.dim());
    const int64_t k = plus.size(transposed ? -1 : -2), columns = plus.size(transposed ? -2 : -1);
    list = readBlocks(blocks, k, columns, array.tileRows);
    check(plus, minus, other, list, array.tileRows);
    strips = makeStrips(list, array);
    cells = k * columns;
    batch = cells > 0 ? plus.numel() / cells : 0;
    if (other)
      background = other->contiguous();
  }

  /// Runs f(matrix of the batch, strip, scratch arrays) for all strips, in parallel.
  template <class F> void run(int arrays, const F &f) const {
    const auto count = static_cast<int64_t>(strips.size());
    at::parallel_for(0, batch * count, 1, [&](int64_t begin, int64_t end) {
      std::vector<double> scratch(static_cast<size_t>(arrays * array.tileRows * n));
      for (int64_t i = begin; i < end; ++i)
        f(i / count * cells, strips[static_cast<size_t>(i % count)], scratch.data(),
          array.tileRows * n);
    });
  }

  template <class S> void surround(const Strip &s, double *load, double *before) const {
    if (!background) {
      surroundings<S>(s, array, nullptr, 0, load, before);
      return;
    }
    surroundings<S>(s, array,
                    background->const_data_ptr<S>() + s.block->index * background->stride(0),
                    background->stride(1), load, before);
  }
};

template <class S> Matrix<S> at(Matrix<S> matrix, int64_t offset) {
  matrix.data += offset;
  return matrix;
}

Two foldCpu(const Tensor &plusGiven, const Tensor &minusGiven, const MaybeTensor &background,
            at::IntArrayRef blocks, bool transposed, int64_t tileRows, double columnOhm,
            double adcOhm, bool alternating, double readVolt, double restUS) {
  const Tensor plus = plusGiven.contiguous(), minus = minusGiven.contiguous();
  const Job job(plus, minus, background, blocks, transposed,
                {tileRows, columnOhm, adcOhm, alternating, restUS});
  Tensor weff = at::empty_like(plus), transfer = at::empty_like(plus);
  const auto wire = job.array.wire();
  AT_DISPATCH_FLOATING_TYPES(plus.scalar_type(), "fold", [&] {
    const auto p = matrixOf<const scalar_t>(plus, transposed),
               m = matrixOf<const scalar_t>(minus, transposed);
    const auto w = matrixOf<scalar_t>(weff, transposed),
               t = matrixOf<scalar_t>(transfer, transposed);
    job.run(4, [&](int64_t offset, const Strip &s, double *scratch, int64_t size) {
      double *load = scratch, *out = load + size, *gPlus = out + size, *gMinus = gPlus + size;
      double before[n];
      const int64_t cells = s.block->rows * n;
      gather(at(p, offset), s, gPlus);
      gather(at(m, offset), s, gMinus);
      job.surround<scalar_t>(s, load, before);
      for (int64_t i = 0; i < cells; ++i)
        load[i] = gPlus[i] + gMinus[i];
      model::ladderStrip(load, s.rows(job.array), before, wire, out);
      for (int64_t i = 0; i < cells; ++i)
        gPlus[i] = model::effectiveWeight(readVolt, out[i], gPlus[i], gMinus[i]);
      scatter(gPlus, s, at(w, offset));
      scatter(out, s, at(t, offset));
    });
  });
  return {weff, transfer};
}

Two foldBackwardCpu(const Tensor &weffGrad, const MaybeTensor &transferGrad,
                    const Tensor &plusGiven, const Tensor &minusGiven,
                    const MaybeTensor &background, at::IntArrayRef blocks, bool transposed,
                    int64_t tileRows, double columnOhm, double adcOhm, bool alternating,
                    double readVolt, double restUS) {
  const Tensor plus = plusGiven.contiguous(), minus = minusGiven.contiguous();
  const Job job(plus, minus, background, blocks, transposed,
                {tileRows, columnOhm, adcOhm, alternating, restUS});
  const Tensor weffBar = weffGrad.contiguous();
  const MaybeTensor transferBar =
      transferGrad ? MaybeTensor(transferGrad->contiguous()) : std::nullopt;
  Tensor plusBar = at::empty_like(plus), minusBar = at::empty_like(plus);
  const auto wire = job.array.wire();
  AT_DISPATCH_FLOATING_TYPES(plus.scalar_type(), "fold_backward", [&] {
    const auto p = matrixOf<const scalar_t>(plus, transposed),
               m = matrixOf<const scalar_t>(minus, transposed),
               wb = matrixOf<const scalar_t>(weffBar, transposed);
    const auto toPlus = matrixOf<scalar_t>(plusBar, transposed),
               toMinus = matrixOf<scalar_t>(minusBar, transposed);
    job.run(5, [&](int64_t offset, const Strip &s, double *scratch, int64_t size) {
      double *load = scratch, *out = load + size, *bar = out + size, *gPlus = bar + size,
             *gMinus = gPlus + size;
      double before[n];
      const int64_t cells = s.block->rows * n, all = s.rows(job.array) * n;
      gather(at(p, offset), s, gPlus);
      gather(at(m, offset), s, gMinus);
      job.surround<scalar_t>(s, load, before);
      for (int64_t i = 0; i < cells; ++i) {
        load[i] = gPlus[i] + gMinus[i];
        gPlus[i] -= gMinus[i]; // the difference
      }
      model::ladderStrip(load, s.rows(job.array), before, wire, out);
      gather(at(wb, offset), s, gMinus);
      if (transferBar)
        gather(at(matrixOf<const scalar_t>(*transferBar, transposed), offset), s, bar);
      else
        std::fill_n(bar, cells, 0.0);
      for (int64_t i = 0; i < cells; ++i) {
        bar[i] += readVolt * gPlus[i] * gMinus[i];
        gMinus[i] *= readVolt * out[i]; // through the difference
      }
      std::fill(bar + cells, bar + all, 0.0);
      model::ladderStripAdjoint(load, out, s.rows(job.array), wire, bar);
      for (int64_t i = 0; i < cells; ++i) {
        gPlus[i] = bar[i] + gMinus[i];
        gMinus[i] = bar[i] - gMinus[i];
      }
      scatter(gPlus, s, at(toPlus, offset));
      scatter(gMinus, s, at(toMinus, offset));
    });
  });
  return {plusBar, minusBar};
}

/// [..., K, N] view.
Tensor upright(const Tensor &tensor, bool transposed) {
  return transposed ? tensor.transpose(-2, -1) : tensor;
}

Two foldComposite(const Tensor &plus, const Tensor &minus, const MaybeTensor &background,
                  at::IntArrayRef blocks, bool transposed, int64_t tileRows, double columnOhm,
                  double adcOhm, bool alternating, double readVolt, double restUS) {
  const Tensor load = upright(plus + minus, transposed);
  const auto list = readBlocks(blocks, load.size(-2), load.size(-1), tileRows);
  check(plus, minus, background, list, tileRows);
  const Array array{tileRows, columnOhm, adcOhm, alternating, restUS};
  const Tensor transfer =
      upright(transferComposite(load, background, list, array), transposed).to(plus.scalar_type());
  return {(transfer * (plus - minus) * readVolt).contiguous(), transfer.contiguous()};
}

Two foldBackwardComposite(const Tensor &weffGrad, const MaybeTensor &transferGrad,
                          const Tensor &plus, const Tensor &minus, const MaybeTensor &background,
                          at::IntArrayRef blocks, bool transposed, int64_t tileRows,
                          double columnOhm, double adcOhm, bool alternating, double readVolt,
                          double restUS) {
  const Tensor load = upright(plus + minus, transposed);
  const auto list = readBlocks(blocks, load.size(-2), load.size(-1), tileRows);
  const Array array{tileRows, columnOhm, adcOhm, alternating, restUS};
  const Tensor transfer = upright(transferComposite(load, background, list, array), transposed);
  Tensor bar = weffGrad * (plus - minus) * readVolt;
  if (transferGrad)
    bar = bar + *transferGrad;
  const Tensor through =
      upright(transferAdjointComposite(load, upright(bar, transposed), background, list, array),
              transposed);
  const Tensor direct = weffGrad * transfer * readVolt;
  const auto type = plus.scalar_type();
  return {(through + direct).to(type).contiguous(), (through - direct).to(type).contiguous()};
}

Two foldMeta(const Tensor &plus, const Tensor &, const MaybeTensor &, at::IntArrayRef, bool,
             int64_t, double, double, bool, double, double) {
  return {at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint(plus.sym_sizes(), plus.options())};
}

Two foldBackwardMeta(const Tensor &, const MaybeTensor &, const Tensor &plus, const Tensor &,
                     const MaybeTensor &, at::IntArrayRef, bool, int64_t, double, double, bool,
                     double, double) {
  return {at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint(plus.sym_sizes(), plus.options())};
}

Two foldAutograd(const Tensor &plus, const Tensor &minus, const MaybeTensor &background,
                 at::IntArrayRef blocks, bool transposed, int64_t tileRows, double columnOhm,
                 double adcOhm, bool alternating, double readVolt, double restUS) {
  static const auto forward = findOp<Forward>("aimc::fold");
  static const auto backward = findOp<Backward>("aimc::fold_backward");
  auto node = record("FoldBackward", {plus, minus}, {plus, minus, orUndefined(background)},
                     [=, blocks = blocks.vec()](const variable_list &grads,
                                                const variable_list &saved) -> variable_list {
                       const Tensor weffGrad =
                           grads[0].defined() ? grads[0] : at::zeros_like(saved[0]);
                       const auto [toPlus, toMinus] = backward.call(
                           weffGrad, orNone(grads[1]), saved[0], saved[1], orNone(saved[2]), blocks,
                           transposed, tileRows, columnOhm, adcOhm, alternating, readVolt, restUS);
                       return {toPlus, toMinus};
                     });
  const auto out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return forward.call(plus, minus, background, blocks, transposed, tileRows, columnOhm, adcOhm,
                        alternating, readVolt, restUS);
  }();
  attach(node, std::get<0>(out));
  attach(node, std::get<1>(out));
  return out;
}

} // namespace

Two fold(const Tensor &plus, const Tensor &minus, const MaybeTensor &background,
         const Blocks &blocks, bool transposed, const Circuit &c) {
  static const auto op = findOp<Forward>("aimc::fold");
  return op.call(plus, minus, background, blocks, transposed, c.tileRows, c.columnOhm, c.adcOhm,
                 c.alternating, c.readVolt, 2 * c.gMinUS);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("fold", aimc::ops::foldCpu);
  m.impl("fold_backward", aimc::ops::foldBackwardCpu);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("fold", aimc::ops::foldComposite);
  m.impl("fold_backward", aimc::ops::foldBackwardComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("fold", aimc::ops::foldMeta);
  m.impl("fold_backward", aimc::ops::foldBackwardMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("fold", aimc::ops::foldAutograd); }
