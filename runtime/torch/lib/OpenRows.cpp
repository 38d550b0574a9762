//===- OpenRows.cpp - pulses through open rows -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The input's half of one_product (runtime/model/OneProduct.h): pulses arrive through a reference
// column for each group of columns that share one, then meet the matrix of open_fold. Vectors go in
// slices, so that what arrives is never held for all of them; backward walks the references again.
// Pulses that are pre-distorted arrive as if they came through the mean attenuation: that is their
// gradient.
//
//===----------------------------------------------------------------------===//
#include "OpenRows.h"
#include "Record.h"

#include "aimc/model/Activity.h"
#include "aimc/model/Compensation.h"
#include "aimc/model/Converter.h"

#include <algorithm>
#include <cmath>

namespace aimc::ops {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;
using Forward = Tensor(const Tensor &, const Tensor &, const Tensor &, const MaybeTensor &,
                       at::IntArrayRef, int64_t, double, double, bool, int64_t);
using Backward = std::tuple<Tensor, Tensor>(const Tensor &, const Tensor &, const Tensor &,
                                            const Tensor &, const MaybeTensor &, at::IntArrayRef,
                                            int64_t, double, double, bool, int64_t);
constexpr int64_t kSlice = 1024; ///< vectors

/// Columns that share a reference.
struct Group {
  model::ReferenceColumn column;
  std::vector<int64_t> members;
  Tensor index; ///< undefined: all columns
};

std::vector<Group> groupColumns(const Tensor &reference, const std::vector<Block> &blocks,
                                const Array &array, int64_t cols) {
  const Tensor given = reference.to(at::kCPU, at::kFloat).contiguous();
  const float *g = given.const_data_ptr<float>();
  std::vector<Group> groups;
  for (const Block &b : blocks)
    for (int64_t j = 0; j < b.cols; ++j) {
      const bool first =
          array.alternating && model::readAtFirstRow(model::Readout::Alternating, b.atCol + j);
      const auto column = referenceOf(b, array, static_cast<double>(g[b.col + j]), first);
      size_t at = 0;
      while (at < groups.size() && !(groups[at].column == column))
        ++at;
      if (at == groups.size())
        groups.push_back({column, {}, {}});
      groups[at].members.push_back(b.col + j);
    }
  if (groups.size() > 1)
    for (Group &group : groups)
      group.index = at::tensor(group.members, at::kLong);
  TORCH_CHECK_VALUE(given.dim() == 1 && given.numel() == cols,
                    "expected a reference per column, but got ", given.sizes());
  return groups;
}

struct Job {
  Array array;
  std::vector<Block> blocks;
  std::vector<Group> groups;
  int64_t rows = 0, cols = 0, vectors = 0;
  int longest;
  Tensor ticks; ///< [vectors, rows]

  Job(const Tensor &given, const Tensor &matrix, const Tensor &reference, at::IntArrayRef numbers,
      const Array &where, int64_t longestTicks)
      : array(where), longest(static_cast<int>(longestTicks)) {
    checkReal(given, "ticks");
    TORCH_CHECK_VALUE(matrix.dim() == 2 && given.dim() >= 1 && given.size(-1) == matrix.size(0),
                      "expected ticks [..., rows] and a matrix [rows, columns], but got ",
                      given.sizes(), " and ", matrix.sizes());
    TORCH_CHECK_VALUE(longest >= 1 && longest < model::kMaxTicks,
                      "expected pulses of at most 1 to ", model::kMaxTicks - 1, " ticks, but got ",
                      longest);
    rows = matrix.size(0);
    cols = matrix.size(1);
    blocks = readBlocks(numbers, rows, cols, array.tileRows).blocks;
    groups = groupColumns(reference, blocks, array, cols);
    ticks = given.reshape({-1, rows}).contiguous();
    vectors = ticks.size(0);
  }

  Tensor columnsOf(const Tensor &matrix, const Group &group) const {
    return group.index.defined() ? matrix.index_select(1, group.index) : matrix;
  }

  /// z of vectors [begin, begin + count) for every group: `z` [groups, count, rows].
  template <class S> void arrive(int64_t begin, int64_t count, S *z) const {
    const S *from = ticks.const_data_ptr<S>();
    at::parallel_for(0, count, 8, [&](int64_t first, int64_t end) {
      model::Arrival arrival;
      std::vector<double> d(static_cast<size_t>(rows)), out(d.size());
      for (int64_t v = first; v < end; ++v) {
        std::copy_n(from + (begin + v) * rows, rows, d.data());
        arrival.set(d.data(), rows, longest);
        for (size_t g = 0; g < groups.size(); ++g) {
          arrival.through(groups[g].column, out.data());
          std::transform(out.begin(), out.end(), z + (static_cast<int64_t>(g) * count + v) * rows,
                         [](double a) { return static_cast<S>(a); });
        }
      }
    });
  }

  /// From dL/dz [groups, count, rows] to dL/dticks.
  template <class S> void arriveAdjoint(int64_t begin, int64_t count, const S *zBar, S *bar) const {
    const S *from = ticks.const_data_ptr<S>();
    at::parallel_for(0, count, 8, [&](int64_t first, int64_t end) {
      model::Arrival arrival;
      std::vector<double> d(static_cast<size_t>(rows)), in(d.size()), sum(d.size());
      for (int64_t v = first; v < end; ++v) {
        std::copy_n(from + (begin + v) * rows, rows, d.data());
        arrival.set(d.data(), rows, longest);
        std::fill(sum.begin(), sum.end(), 0.0);
        for (size_t g = 0; g < groups.size(); ++g) {
          std::copy_n(zBar + (static_cast<int64_t>(g) * count + v) * rows, rows, in.data());
          arrival.throughAdjoint(groups[g].column, in.data(), sum.data());
        }
        std::transform(sum.begin(), sum.end(), bar + (begin + v) * rows,
                       [](double a) { return static_cast<S>(a); });
      }
    });
  }
};

Tensor productCpu(const Tensor &given, const Tensor &matrix, const Tensor &reference,
                  const MaybeTensor &, at::IntArrayRef blocks, int64_t tileRows, double columnOhm,
                  double adcOhm, bool alternating, int64_t longest) {
  const Job job(given, matrix, reference, blocks, {tileRows, columnOhm, adcOhm, alternating, 0.0},
                longest);
  const auto count = static_cast<int64_t>(job.groups.size());
  Tensor y = at::empty({job.vectors, job.cols}, job.ticks.options());
  std::vector<Tensor> parts;
  for (const Group &group : job.groups)
    parts.push_back(job.columnsOf(matrix, group));
  for (int64_t begin = 0; begin < job.vectors; begin += kSlice) {
    const int64_t slice = std::min(kSlice, job.vectors - begin);
    Tensor z = at::empty({count, slice, job.rows}, job.ticks.options()),
           out = y.narrow(0, begin, slice);
    AT_DISPATCH_FLOATING_TYPES(z.scalar_type(), "open_product",
                               [&] { job.arrive(begin, slice, z.mutable_data_ptr<scalar_t>()); });
    for (int64_t g = 0; g < count; ++g) {
      const auto at = static_cast<size_t>(g);
      if (job.groups[at].index.defined())
        out.index_copy_(1, job.groups[at].index, at::mm(z[g], parts[at]));
      else
        at::mm_out(out, z[g], parts[at]);
    }
  }
  std::vector<int64_t> shape = given.sizes().vec();
  shape.back() = job.cols;
  return y.view(shape);
}

std::tuple<Tensor, Tensor> productBackwardCpu(const Tensor &gradGiven, const Tensor &given,
                                              const Tensor &matrix, const Tensor &reference,
                                              const MaybeTensor &aim, at::IntArrayRef blocks,
                                              int64_t tileRows, double columnOhm, double adcOhm,
                                              bool alternating, int64_t longest) {
  const Job job(given, matrix, reference, blocks, {tileRows, columnOhm, adcOhm, alternating, 0.0},
                longest);
  const Tensor grad = gradGiven.reshape({-1, job.cols}).contiguous();
  const auto count = static_cast<int64_t>(job.groups.size());
  Tensor bar = at::empty_like(job.ticks),
         matrixBar = at::zeros_like(matrix, {}, at::MemoryFormat::Contiguous);
  std::vector<Tensor> parts, sums;
  for (const Group &group : job.groups) {
    parts.push_back(job.columnsOf(matrix, group).t());
    sums.push_back(group.index.defined()
                       ? at::zeros({job.rows, group.index.numel()}, matrix.options())
                       : matrixBar);
  }
  for (int64_t begin = 0; begin < job.vectors; begin += kSlice) {
    const int64_t slice = std::min(kSlice, job.vectors - begin);
    Tensor z = at::empty({count, slice, job.rows}, job.ticks.options());
    const Tensor arrived = grad.narrow(0, begin, slice);
    AT_DISPATCH_FLOATING_TYPES(z.scalar_type(), "open_product_backward",
                               [&] { job.arrive(begin, slice, z.mutable_data_ptr<scalar_t>()); });
    for (int64_t g = 0; g < count; ++g) {
      const auto at = static_cast<size_t>(g);
      const Tensor own = job.columnsOf(arrived, job.groups[at]);
      sums[at].addmm_(z[g].t(), own);
      Tensor zBar = z[g];
      at::mm_out(zBar, own, parts[at]);
    }
    if (aim) {
      bar.narrow(0, begin, slice).copy_(z.sum(0) * *aim);
      continue;
    }
    AT_DISPATCH_FLOATING_TYPES(z.scalar_type(), "open_product_backward", [&] {
      job.arriveAdjoint(begin, slice, z.const_data_ptr<scalar_t>(),
                        bar.mutable_data_ptr<scalar_t>());
    });
  }
  for (size_t g = 0; g < job.groups.size(); ++g)
    if (job.groups[g].index.defined())
      matrixBar.index_copy_(1, job.groups[g].index, sums[g]);
  return {bar.view(given.sizes()), matrixBar};
}

Tensor productHost(const Tensor &ticks, const Tensor &matrix, const Tensor &reference,
                   const MaybeTensor &aim, at::IntArrayRef blocks, int64_t tileRows,
                   double columnOhm, double adcOhm, bool alternating, int64_t longest) {
  return productCpu(ticks.cpu(), matrix.cpu(), reference.cpu(), aim, blocks, tileRows, columnOhm,
                    adcOhm, alternating, longest)
      .to(ticks.device());
}
std::tuple<Tensor, Tensor> productBackwardHost(const Tensor &grad, const Tensor &ticks,
                                               const Tensor &matrix, const Tensor &reference,
                                               const MaybeTensor &aim, at::IntArrayRef blocks,
                                               int64_t tileRows, double columnOhm, double adcOhm,
                                               bool alternating, int64_t longest) {
  const auto [t, m] = productBackwardCpu(grad.cpu(), ticks.cpu(), matrix.cpu(), reference.cpu(),
                                         aim ? MaybeTensor(aim->cpu()) : aim, blocks, tileRows,
                                         columnOhm, adcOhm, alternating, longest);
  return {t.to(ticks.device()), m.to(ticks.device())};
}

Tensor productMeta(const Tensor &ticks, const Tensor &matrix, const Tensor &, const MaybeTensor &,
                   at::IntArrayRef, int64_t, double, double, bool, int64_t) {
  auto sizes = ticks.sym_sizes().vec();
  sizes.back() = matrix.sym_size(1);
  return at::empty_symint(sizes, ticks.options());
}
std::tuple<Tensor, Tensor> productBackwardMeta(const Tensor &, const Tensor &ticks,
                                               const Tensor &matrix, const Tensor &,
                                               const MaybeTensor &, at::IntArrayRef, int64_t,
                                               double, double, bool, int64_t) {
  return {at::empty_symint(ticks.sym_sizes(), ticks.options()),
          at::empty_symint(matrix.sym_sizes(), matrix.options())};
}

Tensor productAutograd(const Tensor &ticks, const Tensor &matrix, const Tensor &reference,
                       const MaybeTensor &aim, at::IntArrayRef blocks, int64_t tileRows,
                       double columnOhm, double adcOhm, bool alternating, int64_t longest) {
  static const auto forward =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::open_product", "").typed<Forward>();
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("aimc::open_product_backward", "")
                                   .typed<Backward>();
  const std::vector<int64_t> numbers = blocks.vec();
  auto node =
      record("OpenProductBackward", {ticks, matrix}, {ticks, matrix, reference, orUndefined(aim)},
             [=](const variable_list &grads, const variable_list &saved) -> variable_list {
               const auto [t, m] =
                   backward.call(grads[0], saved[0], saved[1], saved[2], orNone(saved[3]), numbers,
                                 tileRows, columnOhm, adcOhm, alternating, longest);
               return {t, m};
             });
  const Tensor out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return forward.call(ticks, matrix, reference, aim, blocks, tileRows, columnOhm, adcOhm,
                        alternating, longest);
  }();
  attach(node, out);
  return out;
}

using Pulses = std::tuple<Tensor, Tensor, Tensor>;

/// Pre-distorted pulses for inputs [..., rows] of one block, what charges are multiplied with [...,
/// 1], and the mean attenuation [rows] that pulses aim at.
Pulses pulses(const Tensor &given, const Tensor &range, const Tensor &plusGiven,
              const Tensor &minusGiven, const Tensor &probability, const Tensor &share,
              at::IntArrayRef numbers, int64_t tileRows, double columnOhm, double adcOhm,
              bool alternating, int64_t levels) {
  const auto host = [](const Tensor &t) {
    return t.detach().to(at::kCPU, at::kFloat).contiguous();
  };
  const Tensor plus = host(plusGiven), minus = host(minusGiven);
  const int64_t rows = plus.size(0), cols = plus.size(1);
  const Block b = readBlocks(numbers, rows, cols, tileRows).blocks.front();
  const Array array{tileRows, columnOhm, adcOhm, alternating, 0.0};
  const auto activity = bandActivity(probability, share, 0, rows);
  const double g = model::pulseConductance(model::meanConductance(
      {plus.const_data_ptr<float>(), minus.const_data_ptr<float>(), rows, cols, cols},
      {0, rows, 0, cols}));
  std::vector<model::MeanReference> sides;
  for (bool first : {false, true})
    if (alternating
            ? cols > 1 || model::readAtFirstRow(model::Readout::Alternating, b.atCol) == first
            : !first)
      sides.push_back(model::referenceMean(referenceOf(b, array, g, first), activity));
  Tensor mean = at::zeros({rows}, at::kDouble);
  for (const auto &side : sides)
    mean += at::tensor(side.mean, at::kDouble) / static_cast<double>(sides.size());
  const Tensor x = host(given).reshape({-1, rows});
  const Tensor full = host(range.expand_as(given.narrow(-1, 0, 1))).reshape({-1});
  Tensor out = at::empty_like(x), factor = at::empty({x.size(0)}, at::kFloat);
  const float *from = x.const_data_ptr<float>(), *fullOf = full.const_data_ptr<float>();
  float *to = out.mutable_data_ptr<float>(), *factors = factor.mutable_data_ptr<float>();
  at::parallel_for(0, x.size(0), 4, [&](int64_t begin, int64_t end) {
    std::vector<double> wanted(static_cast<size_t>(rows)), d(wanted.size());
    for (int64_t v = begin; v < end; ++v) {
      const float inverse = model::ticksPerUnit(fullOf[v], static_cast<int32_t>(levels));
      for (int64_t i = 0; i < rows; ++i)
        wanted[static_cast<size_t>(i)] =
            static_cast<double>(std::abs(from[v * rows + i] * inverse)) +
            static_cast<double>(nanUnlessFinite(from[v * rows + i]));
      factors[v] = static_cast<float>(model::predistortPulses(
          sides, wanted, static_cast<int32_t>(levels), d, /*headroom=*/0.0));
      for (int64_t i = 0; i < rows; ++i)
        to[v * rows + i] =
            std::copysign(static_cast<float>(d[static_cast<size_t>(i)]), from[v * rows + i]);
    }
  });
  std::vector<int64_t> shape = given.sizes().vec();
  const Tensor asGiven = out.reshape(shape).to(given.options());
  shape.back() = 1;
  return {asGiven, factor.reshape(shape).to(given.options()), mean.to(given.options())};
}
Pulses pulsesMeta(const Tensor &x, const Tensor &, const Tensor &plus, const Tensor &,
                  const Tensor &, const Tensor &, at::IntArrayRef, int64_t, double, double, bool,
                  int64_t) {
  auto sizes = x.sym_sizes().vec();
  const Tensor out = at::empty_symint(sizes, x.options());
  sizes.back() = 1;
  return {out, at::empty_symint(sizes, x.options()),
          at::empty_symint({plus.sym_size(0)}, x.options())};
}

/// p and u [slots, rows] of all passes of a converter, from a histogram [rows, 32] or the default.
std::tuple<Tensor, Tensor> activity(const MaybeTensor &histogram, int64_t rows, int64_t bits,
                                    at::IntArrayRef passNumbers, int64_t slots) {
  TORCH_CHECK_VALUE(bits >= 2 && bits <= 9, "expected a DAC of 2 to 9 bits, but got ", bits);
  const Tensor given = histogram ? histogram->to(at::kCPU, at::kFloat).contiguous() : Tensor();
  TORCH_CHECK_VALUE(!histogram || given.sizes() == at::IntArrayRef({rows, model::kActivityBins}),
                    "expected a histogram of shape [", rows, ", ", model::kActivityBins,
                    "], but got ", given.sizes());
  auto passes = model::onePass(static_cast<int>(bits));
  const int32_t levels = passes.front().levels;
  if (!passNumbers.empty())
    passes.clear();
  for (size_t i = 0; i + 1 < passNumbers.size(); i += 2)
    passes.push_back(
        {levels, static_cast<int>(passNumbers[i]), static_cast<int>(passNumbers[i + 1])});
  const auto made =
      model::meanActivity(histogram ? given.const_data_ptr<float>() : nullptr, rows, passes, slots);
  const auto copy = [&](const std::vector<float> &values) {
    return at::tensor(at::ArrayRef<float>(values), at::kFloat).view({made.slots, rows});
  };
  return {copy(made.probability), copy(made.share)};
}

} // namespace
} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("open_product", aimc::ops::productCpu);
  m.impl("open_product_backward", aimc::ops::productBackwardCpu);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("open_product", aimc::ops::productHost);
  m.impl("open_product_backward", aimc::ops::productBackwardHost);
  m.impl("open_pulses", aimc::ops::pulses);
  m.impl("row_activity", aimc::ops::activity);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("open_product", aimc::ops::productMeta);
  m.impl("open_product_backward", aimc::ops::productBackwardMeta);
  m.impl("open_pulses", aimc::ops::pulsesMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) {
  m.impl("open_product", aimc::ops::productAutograd);
  m.impl("open_pulses", torch::CppFunction::makeFallthrough()); // a constant to the gradient
}
