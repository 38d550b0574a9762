//===- OpenFold.cpp - conductances into the matrix of open rows -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The weights' half of one_product (runtime/model/OneProduct.h): per strip of columns the mean
// field, its ratio to that of the column's reference, the row's own cell. Which reference a column
// has follows the conductances in steps and is a constant to the gradient.
//
//===----------------------------------------------------------------------===//
#include "OpenRows.h"
#include "Record.h"

#include "aimc/model/Ladder.h"

#include <algorithm>
#include <map>

namespace aimc::ops {
namespace {

using at::Tensor;
using Three = std::tuple<Tensor, Tensor, Tensor>;
using Two = std::tuple<Tensor, Tensor>;
using Forward = Three(const Tensor &, const Tensor &, const Tensor &, const Tensor &,
                      at::IntArrayRef, bool, int64_t, double, double, bool, double);
using Backward = Two(const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &,
                     const Tensor &, const Tensor &, const Tensor &, at::IntArrayRef, bool, int64_t,
                     double, double, bool, double);
constexpr int64_t n = model::kLadderStrip;

/// What is common to the columns of one block at one side and with one reference.
struct Column {
  model::MeanReference reference;
  std::vector<double> away;
};

struct Job {
  BlockList list;
  Array array;
  std::vector<Strip> strips;
  std::vector<model::RowActivity> activity;                      ///< of each band
  std::vector<std::vector<double>> own;                          ///< of each band
  std::vector<std::map<std::pair<float, bool>, Column>> columns; ///< of each block

  Job(const Tensor &plus, const Tensor &probability, const Tensor &share, at::IntArrayRef blocks,
      bool transposed, const Array &where)
      : array(where) {
    checkReal(plus, "plus");
    TORCH_CHECK_VALUE(plus.dim() == 2, "expected conductances of rank 2, but got rank ",
                      plus.dim());
    const int64_t k = plus.size(transposed ? 1 : 0);
    list = readBlocks(blocks, k, plus.size(transposed ? 0 : 1), array.tileRows);
    strips = makeStrips(list, array);
    for (const Band &band : list.bands) {
      activity.push_back(bandActivity(probability, share, band.row, band.rows));
      own.push_back(model::ownShares(activity.back()));
    }
    columns.resize(list.blocks.size());
  }

  /// Makes sure that the block's columns with this reference are known.
  void learn(const Block &b, float conductance, bool atFirstRow) {
    auto [at, isNew] = columns[static_cast<size_t>(b.index)].try_emplace({conductance, atFirstRow});
    if (!isNew)
      return;
    const auto band = static_cast<size_t>(b.band);
    const auto column = referenceOf(b, array, conductance, atFirstRow);
    at->second.reference = model::referenceMean(column, activity[band]);
    at->second.away = model::awayResistance(column, own[band]);
  }

  model::StripField field(const Strip &s) const {
    model::StripField strip;
    strip.rows = s.block->rows;
    strip.activity = &activity[static_cast<size_t>(s.block->band)];
    strip.reversed = s.atFirstRow;
    strip.between = model::wireFromOhm(array.columnOhm);
    std::fill_n(strip.last, n, wireBehind(*s.block, array, s.atFirstRow));
    return strip;
  }

  /// Runs f(strip, its columns' references, scratch arrays).
  template <class F> void run(const float *reference, int64_t width, int arrays, const F &f) const {
    at::parallel_for(0, static_cast<int64_t>(strips.size()), 1, [&](int64_t begin, int64_t end) {
      std::vector<double> scratch(static_cast<size_t>(arrays * array.tileRows * n));
      for (int64_t i = begin; i < end; ++i) {
        const Strip &s = strips[static_cast<size_t>(i)];
        const auto &known = columns[static_cast<size_t>(s.block->index)];
        const Column *of[n];
        for (int64_t j = 0; j < n; ++j)
          of[j] = &known.at(
              {reference[s.block->band * width + s.first + std::min(j, s.count - 1) * s.step],
               s.atFirstRow});
        f(s, of, scratch.data(), array.tileRows * n);
      }
    });
  }
};

model::ReferencePanels panelsOf(const Block &b, const Tensor &plus, const Tensor &minus,
                                bool transposed, bool alternating) {
  const auto sums = [&](const Tensor &t) {
    const Tensor up = transposed ? t.t() : t;
    return up.narrow(0, b.row, b.rows).narrow(1, b.col, b.cols).sum({0}, false, at::kDouble);
  };
  const Tensor loads = ((sums(plus) + sums(minus)) / static_cast<double>(b.rows)).contiguous();
  return model::referencePanels(
      {loads.const_data_ptr<double>(), static_cast<size_t>(b.cols)}, loads.mean().item<double>(),
      alternating ? model::Readout::Alternating : model::Readout::Single, b.atCol);
}

/// g_ref of every column of a block, into its row of `reference`.
void chooseReferences(const Block &b, const Tensor &plus, const Tensor &minus, bool transposed,
                      bool alternating, float *reference) {
  const auto panels = panelsOf(b, plus, minus, transposed, alternating);
  for (size_t c = 0; c < panels.order.size(); ++c)
    if (panels.order[c] >= 0)
      reference[b.col + panels.order[c]] =
          static_cast<float>(panels.conductance[c / model::kReferencePanel]);
}

/// Where each column of a block lies in its panels, which a session numbers its draws by; [bands,
/// N].
Tensor placesCpu(const Tensor &plusGiven, const Tensor &minusGiven, at::IntArrayRef blocks,
                 bool transposed, int64_t tileRows, bool alternating) {
  const Tensor plus = plusGiven.contiguous(), minus = minusGiven.contiguous();
  checkReal(plus, "plus");
  const int64_t width = plus.size(transposed ? 0 : 1);
  const BlockList list = readBlocks(blocks, plus.size(transposed ? 1 : 0), width, tileRows);
  Tensor places = at::zeros({static_cast<int64_t>(list.bands.size()), width}, at::kLong);
  int64_t *place = places.mutable_data_ptr<int64_t>();
  for (const Block &b : list.blocks) {
    const auto order = panelsOf(b, plus, minus, transposed, alternating).order;
    for (size_t c = 0; c < order.size(); ++c)
      if (order[c] >= 0)
        place[b.band * width + b.col + order[c]] = static_cast<int64_t>(c);
  }
  return places;
}

Three foldCpu(const Tensor &plusGiven, const Tensor &minusGiven, const Tensor &probability,
              const Tensor &share, at::IntArrayRef blocks, bool transposed, int64_t tileRows,
              double columnOhm, double adcOhm, bool alternating, double readVolt) {
  const Tensor plus = plusGiven.contiguous(), minus = minusGiven.contiguous();
  Job job(plus, probability, share, blocks, transposed,
          {tileRows, columnOhm, adcOhm, alternating, 0.0});
  const int64_t width = plus.size(transposed ? 0 : 1);
  Tensor matrix = at::empty_like(plus), transfer = at::empty_like(plus);
  Tensor reference = at::zeros({static_cast<int64_t>(job.list.bands.size()), width},
                               plus.options().dtype(at::kFloat));
  float *chosen = reference.mutable_data_ptr<float>();
  for (const Block &b : job.list.blocks) {
    chooseReferences(b, plus, minus, transposed, alternating, chosen + b.band * width);
    for (int64_t j = b.col; j < b.col + b.cols; ++j)
      job.learn(b, chosen[b.band * width + j],
                alternating &&
                    model::readAtFirstRow(model::Readout::Alternating, b.atCol + j - b.col));
  }
  AT_DISPATCH_FLOATING_TYPES(plus.scalar_type(), "open_fold", [&] {
    const auto p = matrixOf<const scalar_t>(plus, transposed),
               m = matrixOf<const scalar_t>(minus, transposed);
    const auto to = matrixOf<scalar_t>(matrix, transposed),
               t = matrixOf<scalar_t>(transfer, transposed);
    job.run(chosen, width, 7,
            [&](const Strip &s, const Column *const *of, double *scratch, int64_t size) {
              double *gPlus = scratch, *gMinus = gPlus + size, *load = gMinus + size,
                     *mean = load + size, *rest = mean + size;
              double out[n];
              const int64_t rows = s.block->rows;
              gather(p, s, gPlus);
              gather(m, s, gMinus);
              for (int64_t c = 0; c < rows * n; ++c)
                load[c] = gPlus[c] + gMinus[c];
              job.field(s).forward(load, mean, out, rest);
              for (int64_t i = 0; i < rows; ++i)
                for (int64_t j = 0; j < n; ++j) {
                  const int64_t c = i * n + j;
                  const auto row = static_cast<size_t>(s.atFirstRow ? rows - 1 - i : i);
                  const auto &r = of[j]->reference;
                  const auto ratio =
                      model::oneProductRatio(mean[c], r.mean[row], of[j]->away[row],
                                             static_cast<double>(r.column.conductance), load[c]);
                  gPlus[c] = readVolt * ratio.value * (gPlus[c] - gMinus[c]);
                }
              scatter(gPlus, s, to);
              scatter(mean, s, t);
            });
  });
  return {matrix, transfer, reference};
}

Two foldBackwardCpu(const Tensor &matrixGrad, const Tensor &transferGrad, const Tensor &plusGiven,
                    const Tensor &minusGiven, const Tensor &reference, const Tensor &transfer,
                    const Tensor &probability, const Tensor &share, at::IntArrayRef blocks,
                    bool transposed, int64_t tileRows, double columnOhm, double adcOhm,
                    bool alternating, double readVolt) {
  const Tensor plus = plusGiven.contiguous(), minus = minusGiven.contiguous(),
               matrixBar = matrixGrad.contiguous(), transferBar = transferGrad.contiguous(),
               mean = transfer.contiguous(), given = reference.contiguous();
  Job job(plus, probability, share, blocks, transposed,
          {tileRows, columnOhm, adcOhm, alternating, 0.0});
  const int64_t width = plus.size(transposed ? 0 : 1);
  const float *chosen = given.const_data_ptr<float>();
  for (const Block &b : job.list.blocks)
    for (int64_t j = b.col; j < b.col + b.cols; ++j)
      job.learn(b, chosen[b.band * width + j],
                alternating &&
                    model::readAtFirstRow(model::Readout::Alternating, b.atCol + j - b.col));
  Tensor plusBar = at::empty_like(plus), minusBar = at::empty_like(plus);
  AT_DISPATCH_FLOATING_TYPES(plus.scalar_type(), "open_fold_backward", [&] {
    const auto p = matrixOf<const scalar_t>(plus, transposed),
               m = matrixOf<const scalar_t>(minus, transposed),
               mb = matrixOf<const scalar_t>(matrixBar, transposed),
               tb = matrixOf<const scalar_t>(transferBar, transposed),
               tm = matrixOf<const scalar_t>(mean, transposed);
    const auto toPlus = matrixOf<scalar_t>(plusBar, transposed),
               toMinus = matrixOf<scalar_t>(minusBar, transposed);
    job.run(chosen, width, 9,
            [&](const Strip &s, const Column *const *of, double *scratch, int64_t size) {
              double *gPlus = scratch, *gMinus = gPlus + size, *load = gMinus + size,
                     *mean = load + size, *meanBar = mean + size, *loadBar = meanBar + size,
                     *rest = loadBar + size;
              const int64_t rows = s.block->rows;
              gather(p, s, gPlus);
              gather(m, s, gMinus);
              for (int64_t c = 0; c < rows * n; ++c) {
                load[c] = gPlus[c] + gMinus[c];
                gPlus[c] -= gMinus[c]; // the difference
              }
              const auto field = job.field(s);
              gather(tm, s, mean);
              gather(tb, s, meanBar);
              gather(mb, s, gMinus);
              for (int64_t i = 0; i < rows; ++i)
                for (int64_t j = 0; j < n; ++j) {
                  const int64_t c = i * n + j;
                  const auto row = static_cast<size_t>(s.atFirstRow ? rows - 1 - i : i);
                  const auto &r = of[j]->reference;
                  const auto ratio =
                      model::oneProductRatio(mean[c], r.mean[row], of[j]->away[row],
                                             static_cast<double>(r.column.conductance), load[c]);
                  const double bar = readVolt * gMinus[c], through = bar * gPlus[c];
                  meanBar[c] += through * ratio.perTransfer;
                  loadBar[c] = through * ratio.perLoad;
                  gMinus[c] = bar * ratio.value; // of the difference
                }
              field.backward(load, meanBar, loadBar, rest);
              for (int64_t c = 0; c < rows * n; ++c) {
                gPlus[c] = loadBar[c] + gMinus[c];
                gMinus[c] = loadBar[c] - gMinus[c];
              }
              scatter(gPlus, s, toPlus);
              scatter(gMinus, s, toMinus);
            });
  });
  return {plusBar, minusBar};
}

Three forwardHost(const Tensor &plus, const Tensor &minus, const Tensor &probability,
                  const Tensor &share, at::IntArrayRef blocks, bool transposed, int64_t tileRows,
                  double columnOhm, double adcOhm, bool alternating, double readVolt) {
  const auto device = plus.device();
  const auto out = foldCpu(plus.cpu(), minus.cpu(), probability, share, blocks, transposed,
                           tileRows, columnOhm, adcOhm, alternating, readVolt);
  return {std::get<0>(out).to(device), std::get<1>(out).to(device), std::get<2>(out).to(device)};
}
Two backwardHost(const Tensor &matrixGrad, const Tensor &transferGrad, const Tensor &plus,
                 const Tensor &minus, const Tensor &reference, const Tensor &transfer,
                 const Tensor &probability, const Tensor &share, at::IntArrayRef blocks,
                 bool transposed, int64_t tileRows, double columnOhm, double adcOhm,
                 bool alternating, double readVolt) {
  const auto device = plus.device();
  const auto out = foldBackwardCpu(matrixGrad.cpu(), transferGrad.cpu(), plus.cpu(), minus.cpu(),
                                   reference.cpu(), transfer.cpu(), probability, share, blocks,
                                   transposed, tileRows, columnOhm, adcOhm, alternating, readVolt);
  return {std::get<0>(out).to(device), std::get<1>(out).to(device)};
}

Tensor placesHost(const Tensor &plus, const Tensor &minus, at::IntArrayRef blocks, bool transposed,
                  int64_t tileRows, bool alternating) {
  return placesCpu(plus.cpu(), minus.cpu(), blocks, transposed, tileRows, alternating)
      .to(plus.device());
}
Tensor placesMeta(const Tensor &plus, const Tensor &, at::IntArrayRef blocks, bool transposed,
                  int64_t, bool) {
  return at::empty_symint({countBands(blocks), plus.sym_size(transposed ? 0 : 1)},
                          plus.options().dtype(at::kLong));
}

Three forwardMeta(const Tensor &plus, const Tensor &, const Tensor &, const Tensor &,
                  at::IntArrayRef blocks, bool transposed, int64_t, double, double, bool, double) {
  return {at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint({countBands(blocks), plus.sym_size(transposed ? 0 : 1)},
                           plus.options().dtype(at::kFloat))};
}
Two backwardMeta(const Tensor &, const Tensor &, const Tensor &plus, const Tensor &, const Tensor &,
                 const Tensor &, const Tensor &, const Tensor &, at::IntArrayRef, bool, int64_t,
                 double, double, bool, double) {
  return {at::empty_symint(plus.sym_sizes(), plus.options()),
          at::empty_symint(plus.sym_sizes(), plus.options())};
}

Three autograd(const Tensor &plus, const Tensor &minus, const Tensor &probability,
               const Tensor &share, at::IntArrayRef blocks, bool transposed, int64_t tileRows,
               double columnOhm, double adcOhm, bool alternating, double readVolt) {
  static const auto forward =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::open_fold", "").typed<Forward>();
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("aimc::open_fold_backward", "")
                                   .typed<Backward>();
  const auto out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return forward.call(plus, minus, probability, share, blocks, transposed, tileRows, columnOhm,
                        adcOhm, alternating, readVolt);
  }();
  const std::vector<int64_t> numbers = blocks.vec();
  auto node = record("OpenFoldBackward", {plus, minus},
                     {plus, minus, std::get<2>(out), std::get<1>(out).detach(), probability, share},
                     [=](const variable_list &grads, const variable_list &saved) -> variable_list {
                       const auto orZero = [&](const Tensor &t) {
                         return t.defined() ? t : at::zeros_like(saved[0]);
                       };
                       const auto [p, m] = backward.call(
                           orZero(grads[0]), orZero(grads[1]), saved[0], saved[1], saved[2],
                           saved[3], saved[4], saved[5], numbers, transposed, tileRows, columnOhm,
                           adcOhm, alternating, readVolt);
                       return {p, m};
                     });
  attach(node, std::get<0>(out));
  attach(node, std::get<1>(out));
  return out;
}

} // namespace

model::RowActivity bandActivity(const Tensor &probability, const Tensor &share, int64_t row,
                                int64_t rows) {
  TORCH_CHECK_VALUE(probability.dim() == 2 && probability.sizes() == share.sizes() &&
                        row + rows <= probability.size(1),
                    "expected activities of shape [slots, ", row + rows, "] or wider, but got ",
                    probability.sizes(), " and ", share.sizes());
  model::RowActivity activity;
  activity.rows = rows;
  activity.slots = probability.size(0);
  const auto values = [&](const Tensor &t) {
    const Tensor own = t.narrow(1, row, rows).to(at::kCPU, at::kFloat).contiguous();
    const float *data = own.const_data_ptr<float>();
    return std::vector<float>(data, data + own.numel());
  };
  activity.probability = values(probability);
  activity.share = values(share);
  activity.width.assign(static_cast<size_t>(activity.slots), 1.0); // of use to G_out alone
  return activity;
}

double wireBehind(const Block &b, const Array &array, bool atFirstRow) {
  const int64_t rows = atFirstRow ? b.atRow : array.tileRows - b.atRow - b.rows;
  return model::wireFromOhm(array.columnOhm) * (static_cast<double>(rows) + 0.5) +
         model::wireFromOhm(array.adcOhm);
}

model::ReferenceColumn referenceOf(const Block &b, const Array &array, double conductance,
                                   bool atFirstRow) {
  return {b.rows, static_cast<float>(conductance),
          static_cast<float>(model::wireFromOhm(array.columnOhm)),
          static_cast<float>(wireBehind(b, array, atFirstRow)), atFirstRow};
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("open_places", aimc::ops::placesCpu);
  m.impl("open_fold", aimc::ops::foldCpu);
  m.impl("open_fold_backward", aimc::ops::foldBackwardCpu);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("open_places", aimc::ops::placesHost);
  m.impl("open_fold", aimc::ops::forwardHost);
  m.impl("open_fold_backward", aimc::ops::backwardHost);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("open_places", aimc::ops::placesMeta);
  m.impl("open_fold", aimc::ops::forwardMeta);
  m.impl("open_fold_backward", aimc::ops::backwardMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("open_fold", aimc::ops::autograd); }
