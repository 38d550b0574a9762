//===- OpenRows.cpp - inputs of columns whose idle rows are disconnected -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The input's half of the one-product form of OpenRows.h (runtime/model): ticks that arrive through
// a reference column,
//   z_i = sign(d_i) sum_m T_i[on_k(m) g_ref] (e_m - e_{m-1}),  e_1 < e_2 < ...  the pulse ends
// for sixteen vectors at a time on the ladder's strips. z is linear in the ends while their order
// stays, so with S_m = sum over conducting cells of dL/dz_i T_i the gradient of an end is
// S_m - S_{m+1}. Where several pulses end together each has its own direct part, and they share
// what shorter loads do for longer pulses.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Record.h"
#include "Strips.h"

#include "aimc/model/Activity.h"
#include "aimc/model/Ladder.h"

#include <algorithm>
#include <cmath>

namespace aimc::ops {
namespace {

using at::Tensor;
using Forward = Tensor(const Tensor &, double, double, double, bool);
using Backward = Tensor(const Tensor &, const Tensor &, double, double, double, bool);
constexpr int64_t n = model::kLadderStrip;

/// Sixteen vectors: magnitudes and signs, far end first, and their distinct pulse ends.
struct Group {
  int64_t rows, count;
  std::vector<double> size, sign, load, transfer;
  std::vector<double> ends[n];
  size_t slots = 0;

  Group(const double *ticks, int64_t vectors, int64_t length, bool reversed)
      : rows(length), count(std::min(vectors, n)) {
    for (auto *cells : {&size, &sign, &load, &transfer})
      cells->assign(static_cast<size_t>(rows * n), 0.0);
    for (int64_t l = 0; l < count; ++l) {
      for (int64_t i = 0; i < rows; ++i) {
        const double d = ticks[l * rows + (reversed ? rows - 1 - i : i)];
        const auto cell = static_cast<size_t>(i * n + l);
        size[cell] = std::abs(d);
        sign[cell] = d > 0 ? 1.0 : d < 0 ? -1.0 : 0.0;
        if (d != 0)
          ends[l].push_back(std::abs(d));
      }
      std::sort(ends[l].begin(), ends[l].end());
      ends[l].erase(std::unique(ends[l].begin(), ends[l].end()), ends[l].end());
      slots = std::max(slots, ends[l].size());
    }
  }

  /// T of slot m into `transfer`; cells conduct whose pulse lasts through it.
  void solve(size_t m, double conductance, model::StripWire wire) {
    double end[n];
    for (int64_t l = 0; l < n; ++l)
      end[l] = m < ends[l].size() ? ends[l][m] : std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < rows * n; i += n)
      for (int64_t l = 0; l < n; ++l) {
        const auto cell = static_cast<size_t>(i + l);
        load[cell] = size[cell] >= end[l] ? conductance : 0.0;
      }
    const double before[n] = {};
    model::ladderStrip(load.data(), rows, before, wire, transfer.data());
  }
};

/// Runs f(group, first vector) over all vectors of a contiguous tensor in double precision.
template <class F> void eachGroup(const Tensor &ticks, bool reversed, const F &f) {
  const int64_t rows = ticks.size(-1), vectors = rows > 0 ? ticks.numel() / rows : 0;
  const double *data = ticks.const_data_ptr<double>();
  at::parallel_for(0, (vectors + n - 1) / n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      Group group(data + g * n * rows, vectors - g * n, rows, reversed);
      f(group, g * n);
    }
  });
}

model::StripWire wireOf(double columnOhm, double terminalOhm) {
  return {model::wireFromOhm(columnOhm), model::wireFromOhm(terminalOhm)};
}

Tensor onHost(const Tensor &t) { return t.to(at::kCPU, at::kDouble).contiguous(); }

Tensor ticksForward(const Tensor &given, double conductance, double columnOhm, double terminalOhm,
                    bool reversed) {
  checkReal(given, "ticks");
  const Tensor ticks = onHost(given);
  Tensor z = at::zeros_like(ticks);
  double *out = z.mutable_data_ptr<double>();
  const auto wire = wireOf(columnOhm, terminalOhm);
  eachGroup(ticks, reversed, [&](Group &g, int64_t first) {
    std::vector<double> sum(g.size.size(), 0.0);
    for (size_t m = 0; m < g.slots; ++m) {
      g.solve(m, conductance, wire);
      for (int64_t l = 0; l < g.count; ++l) {
        if (m >= g.ends[l].size())
          continue;
        const double end = g.ends[l][m], width = end - (m > 0 ? g.ends[l][m - 1] : 0.0);
        for (size_t cell = static_cast<size_t>(l); cell < sum.size(); cell += n)
          sum[cell] += g.size[cell] >= end ? width * g.transfer[cell] : 0.0;
      }
    }
    for (int64_t l = 0; l < g.count; ++l)
      for (int64_t i = 0; i < g.rows; ++i) {
        const auto cell = static_cast<size_t>(i * n + l);
        out[(first + l) * g.rows + (reversed ? g.rows - 1 - i : i)] = g.sign[cell] * sum[cell];
      }
  });
  return z.to(given.options(), false, /*copy=*/true);
}

Tensor ticksBackward(const Tensor &gradGiven, const Tensor &given, double conductance,
                     double columnOhm, double terminalOhm, bool reversed) {
  const Tensor ticks = onHost(given), grad = onHost(gradGiven);
  Tensor result = at::zeros_like(ticks);
  double *out = result.mutable_data_ptr<double>();
  const double *bar = grad.const_data_ptr<double>();
  const auto wire = wireOf(columnOhm, terminalOhm);
  eachGroup(ticks, reversed, [&](Group &g, int64_t first) {
    const auto place = [&](int64_t i, int64_t l) {
      return (first + l) * g.rows + (reversed ? g.rows - 1 - i : i);
    };
    // Per slot and vector: what all conducting cells pass on, what those pass on that end with it,
    // and how many these are.
    std::vector<double> all((g.slots + 1) * n, 0.0), ending(all), members(all);
    std::vector<double> direct(g.size.size(), 0.0);
    for (size_t m = 0; m < std::max<size_t>(g.slots, 1); ++m) {
      g.solve(m, conductance, wire);
      for (int64_t l = 0; l < g.count; ++l) {
        const bool live = m < g.ends[l].size();
        const double end = live ? g.ends[l][m] : 0.0;
        const size_t slot = m * n + static_cast<size_t>(l);
        for (int64_t i = 0; i < g.rows; ++i) {
          const auto cell = static_cast<size_t>(i * n + l);
          if (g.sign[cell] == 0) {
            // A pulse that is not there would meet the first slot's column.
            direct[cell] = m == 0 ? bar[place(i, l)] * g.transfer[cell] : direct[cell];
            continue;
          }
          if (!live || g.size[cell] < end)
            continue;
          const double part = g.sign[cell] * bar[place(i, l)] * g.transfer[cell];
          all[slot] += part;
          if (g.size[cell] == end) {
            ending[slot] += part;
            members[slot] += 1;
            direct[cell] = part;
          }
        }
      }
    }
    for (int64_t l = 0; l < g.count; ++l)
      for (int64_t i = 0; i < g.rows; ++i) {
        const auto cell = static_cast<size_t>(i * n + l);
        if (g.sign[cell] == 0) {
          out[place(i, l)] = direct[cell];
          continue;
        }
        const auto &ends = g.ends[l];
        const auto m = static_cast<size_t>(
            std::lower_bound(ends.begin(), ends.end(), g.size[cell]) - ends.begin());
        const size_t slot = m * n + static_cast<size_t>(l);
        const double cross = (all[slot] - ending[slot] - all[slot + n]) / members[slot];
        out[place(i, l)] = g.sign[cell] * (direct[cell] + cross);
      }
  });
  return result.to(given.options(), false, /*copy=*/true);
}

Tensor forwardMeta(const Tensor &ticks, double, double, double, bool) {
  return at::empty_symint(ticks.sym_sizes(), ticks.options());
}
Tensor backwardMeta(const Tensor &, const Tensor &ticks, double, double, double, bool) {
  return at::empty_symint(ticks.sym_sizes(), ticks.options());
}

Tensor autograd(const Tensor &ticks, double conductance, double columnOhm, double terminalOhm,
                bool reversed) {
  static const auto forward =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::reference_ticks", "").typed<Forward>();
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("aimc::reference_ticks_backward", "")
                                   .typed<Backward>();
  auto node = record(
      "ReferenceTicksBackward", {ticks}, {ticks},
      [=](const variable_list &grads, const variable_list &saved) -> variable_list {
        return {backward.call(grads[0], saved[0], conductance, columnOhm, terminalOhm, reversed)};
      });
  const Tensor out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return forward.call(ticks, conductance, columnOhm, terminalOhm, reversed);
  }();
  attach(node, out);
  return out;
}

/// p and u [slots, rows] of a one-pass converter, from a histogram [rows, 32] or the default.
std::tuple<Tensor, Tensor> activity(const std::optional<Tensor> &histogram, int64_t rows,
                                    int64_t bits, int64_t slots) {
  TORCH_CHECK_VALUE(bits >= 2 && bits <= 9, "expected a DAC of 2 to 9 bits, but got ", bits);
  const Tensor given = histogram ? histogram->to(at::kCPU, at::kFloat).contiguous() : Tensor();
  TORCH_CHECK_VALUE(!histogram || given.sizes() == at::IntArrayRef({rows, model::kActivityBins}),
                    "expected a histogram of shape [", rows, ", ", model::kActivityBins,
                    "], but got ", given.sizes());
  const auto pass = model::onePass(static_cast<int>(bits)).front();
  const auto made =
      model::rowActivity(histogram ? given.const_data_ptr<float>() : nullptr, rows, pass, slots);
  const auto copy = [&](const std::vector<float> &values) {
    return at::tensor(at::ArrayRef<float>(values), at::kFloat).view({made.slots, rows});
  };
  return {copy(made.probability), copy(made.share)};
}

} // namespace
} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("reference_ticks", aimc::ops::ticksForward);
  m.impl("reference_ticks_backward", aimc::ops::ticksBackward);
  m.impl("row_activity", aimc::ops::activity);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("reference_ticks", aimc::ops::forwardMeta);
  m.impl("reference_ticks_backward", aimc::ops::backwardMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("reference_ticks", aimc::ops::autograd); }
