//===- TileLinearOps.cpp - aimc::tile_linear in torch -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Record.h"
#include "TileLinear.h"

#include <array>

namespace aimc::ops {

namespace {

using at::Tensor;
using Three = std::tuple<Tensor, Tensor, Tensor>;
using Six = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

// The arguments of both operators, once.
#define AIMC_TILE_SCALARS                                                                          \
  at::IntArrayRef blocks, bool transposed, int64_t tileRows, double columnOhm, double adcOhm,      \
      bool alternating, double gMin, double gMax, double readVolt, double tickNs, int64_t levels,  \
      int64_t dac, int64_t adc, int64_t adcBits
#define AIMC_TILE_VALUES                                                                           \
  blocks, transposed, tileRows, columnOhm, adcOhm, alternating, gMin, gMax, readVolt, tickNs,      \
      levels, dac, adc, adcBits
#define AIMC_TILE_TENSORS                                                                          \
  const Tensor &x, const Tensor &weight, const Tensor &scale, const MaybeTensor &gain,             \
      const MaybeTensor &range, const MaybeTensor &lsb

using Forward = Three(AIMC_TILE_TENSORS, AIMC_TILE_SCALARS);
using Backward = Six(const Tensor &grad, AIMC_TILE_TENSORS, const Tensor &saturated,
                     const Tensor &folded, AIMC_TILE_SCALARS, std::array<bool, 6> wanted);

TileParams makeParams(AIMC_TILE_SCALARS) {
  return {transposed,
          {tileRows, columnOhm, adcOhm, alternating, 2 * gMin},
          gMin,
          gMax,
          readVolt,
          tickNs,
          levels,
          static_cast<DacMode>(dac),
          static_cast<AdcMode>(adc),
          adcBits};
}

Three forwardCpu(AIMC_TILE_TENSORS, AIMC_TILE_SCALARS) {
  const auto p = makeParams(AIMC_TILE_VALUES);
  const auto in = tileInputs(x, weight, scale, gain, range, lsb, blocks, p);
  auto [y, mask, folded] = tileForwardCpu(in, p);
  auto sizes = x.sizes().vec();
  sizes.back() = in.n;
  return {y.view(sizes), mask, folded};
}

Three forwardComposite(AIMC_TILE_TENSORS, AIMC_TILE_SCALARS) {
  const auto p = makeParams(AIMC_TILE_VALUES);
  const auto in = tileInputs(x, weight, scale, gain, range, lsb, blocks, p);
  auto [y, mask, folded] = tileForwardComposite(in, p);
  auto sizes = x.sizes().vec();
  sizes.back() = in.n;
  return {y.view(sizes), mask, folded};
}

Three forwardMeta(AIMC_TILE_TENSORS, AIMC_TILE_SCALARS) {
  auto sizes = x.sym_sizes().vec();
  c10::SymInt vectors = 1;
  for (size_t i = 0; i + 1 < sizes.size(); ++i)
    vectors = vectors * sizes[i];
  const c10::SymInt columns = weight.sym_size(transposed ? 0 : 1);
  sizes.back() = columns;
  const auto bytes = x.options().dtype(at::kByte);
  const Tensor y = at::empty_symint(sizes, x.options()),
               folded = at::empty_symint(weight.sym_sizes(), weight.options());
  if (adc == static_cast<int64_t>(AdcMode::Ideal))
    return {y, at::empty({0}, bytes), folded};
  return {y, at::empty_symint({c10::SymInt(countBands(blocks)), vectors, (columns + 7) / 8}, bytes),
          folded};
}

/// Gradients that are not wanted travel as empty tensors: a graph has no undefined ones.
Six finish(const TileGradients &g, const Tensor &x) {
  const auto orEmpty = [&](const Tensor &t) {
    return t.defined() ? t : at::empty({0}, x.options());
  };
  return {g.x.defined() ? g.x.view(x.sizes()) : at::empty({0}, x.options()),
          orEmpty(g.weight),
          orEmpty(g.scale),
          orEmpty(g.gain),
          orEmpty(g.range),
          orEmpty(g.lsb)};
}

Wanted wantedOf(const std::array<bool, 6> &w) { return {w[0], w[1], w[2], w[3], w[4], w[5]}; }

Six backwardCpu(const Tensor &grad, AIMC_TILE_TENSORS, const Tensor &saturated,
                const Tensor &folded, AIMC_TILE_SCALARS, std::array<bool, 6> wanted) {
  const auto p = makeParams(AIMC_TILE_VALUES);
  const auto in = tileInputs(x, weight, scale, gain, range, lsb, blocks, p);
  auto gradients = tileBackwardCpu(grad, in, p, saturated, folded, wantedOf(wanted));
  if (!wanted[0])
    gradients.x.reset();
  if (!wanted[1])
    gradients.weight.reset();
  return finish(gradients, x);
}

Six backwardComposite(const Tensor &grad, AIMC_TILE_TENSORS, const Tensor &, const Tensor &,
                      AIMC_TILE_SCALARS, std::array<bool, 6> wanted) {
  const auto p = makeParams(AIMC_TILE_VALUES);
  const auto in = tileInputs(x, weight, scale, gain, range, lsb, blocks, p);
  return finish(tileBackwardComposite(grad, in, p, wantedOf(wanted)), x);
}

Six backwardMeta(const Tensor &, AIMC_TILE_TENSORS, const Tensor &, const Tensor &,
                 AIMC_TILE_SCALARS, std::array<bool, 6> wanted) {
  size_t index = 0;
  const auto like = [&](const Tensor &t) {
    const bool given = wanted[index++] && t.defined();
    return given ? at::empty_symint(t.sym_sizes(), t.options()) : at::empty({0}, x.options());
  };
  const Tensor a = like(x), b = like(weight), c = like(scale), d = like(orUndefined(gain)),
               e = like(orUndefined(range)), f = like(orUndefined(lsb));
  return {a, b, c, d, e, f};
}

Three forwardAutograd(AIMC_TILE_TENSORS, AIMC_TILE_SCALARS) {
  static const auto forward =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::tile_linear", "").typed<Forward>();
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("aimc::tile_linear_backward", "")
                                   .typed<Backward>();
  const variable_list inputs{
      x, weight, scale, orUndefined(gain), orUndefined(range), orUndefined(lsb)};
  std::array<bool, 6> wanted{};
  for (size_t i = 0; i < wanted.size(); ++i)
    wanted[i] = wants(inputs[i]);
  const auto out = [&] {
    at::AutoDispatchBelowADInplaceOrView below;
    return forward.call(x, weight, scale, gain, range, lsb, AIMC_TILE_VALUES);
  }();
  auto saved = inputs;
  saved.push_back(std::get<1>(out));
  saved.push_back(std::get<2>(out));
  auto node =
      record("TileLinearBackward", inputs, saved,
             [=, list = blocks.vec()](const variable_list &grads,
                                      const variable_list &s) -> variable_list {
               if (!grads[0].defined())
                 return variable_list(6);
               const at::IntArrayRef blocks(list);
               const auto result =
                   backward.call(grads[0], s[0], s[1], s[2], orNone(s[3]), orNone(s[4]),
                                 orNone(s[5]), s[6], s[7], AIMC_TILE_VALUES, wanted);
               variable_list all{std::get<0>(result), std::get<1>(result), std::get<2>(result),
                                 std::get<3>(result), std::get<4>(result), std::get<5>(result)};
               for (size_t i = 0; i < wanted.size(); ++i)
                 if (!wanted[i])
                   all[i].reset();
               return all;
             });
  attach(node, std::get<0>(out));
  return out;
}

/// Under autocast the circuit stays in single precision; what leaves has the lower one, as from
/// torch's own linear.
template <c10::DeviceType kDevice, c10::DispatchKey kKey>
Three forwardAutocast(AIMC_TILE_TENSORS, AIMC_TILE_SCALARS) {
  static const auto forward =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::tile_linear", "").typed<Forward>();
  const c10::impl::ExcludeDispatchKeyGuard guard{kKey};
  const auto single = [](const Tensor &t) {
    return t.defined() && t.scalar_type() != at::kDouble ? t.to(at::kFloat) : t;
  };
  const auto maybe = [&](const MaybeTensor &t) { return t ? MaybeTensor(single(*t)) : t; };
  auto [y, mask, folded] = forward.call(single(x), single(weight), single(scale), maybe(gain),
                                        maybe(range), maybe(lsb), AIMC_TILE_VALUES);
  if (y.scalar_type() == at::kFloat)
    y = y.to(at::autocast::get_autocast_dtype(kDevice));
  return {y, mask, folded};
}

} // namespace

Tensor perColumn(const Tensor &perBlock, const TileInputs &in) {
  std::vector<Tensor> bands;
  for (size_t b = 0; b < in.list.bands.size(); ++b) {
    std::vector<Tensor> parts;
    for (const Block &block : in.list.blocks)
      if (block.band == static_cast<int64_t>(b))
        parts.push_back(perBlock.select(0, block.index).expand({block.cols}));
    bands.push_back(at::cat(parts, 0));
  }
  return at::stack(bands, 0);
}

Tensor magnification(const Tensor &lsb) {
  constexpr double kLeast = 0x1p-100, kPower = 0x1p100;
  return at::where((lsb > 0) & (lsb < kLeast), at::scalar_tensor(kPower, lsb.options()),
                   at::ones({}, lsb.options()));
}

TileInputs tileInputs(const Tensor &x, const Tensor &weight, const Tensor &scale,
                      const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                      at::IntArrayRef blocks, const TileParams &p) {
  checkReal(x, "x");
  TORCH_CHECK_VALUE(weight.dim() == 2, "expected a weight of rank 2, but got rank ", weight.dim());
  TileInputs in;
  in.k = weight.size(p.transposed ? 1 : 0);
  in.n = weight.size(p.transposed ? 0 : 1);
  TORCH_CHECK_VALUE(x.dim() >= 1 && x.size(-1) == in.k, "expected inputs of ", in.k,
                    " features, but got shape ", x.sizes());
  in.list = readBlocks(blocks, in.k, in.n, p.array.tileRows);
  const auto bands = static_cast<int64_t>(in.list.bands.size());
  const auto take = [&](const Tensor &t, at::IntArrayRef shape, const char *name) {
    TORCH_CHECK_VALUE(t.sizes() == shape && t.scalar_type() == x.scalar_type(), "expected ", name,
                      " of shape ", shape, " and type ", x.scalar_type(), ", but got ", t.sizes(),
                      " and ", t.scalar_type());
    return t.contiguous();
  };
  in.x = x.reshape({-1, in.k}).contiguous();
  in.weight = take(weight, weight.sizes(), "weight");
  in.scale = take(scale, {bands, in.n}, "scale");
  if (gain)
    in.gain = take(*gain, {bands, in.n}, "gain");
  if (range)
    in.range = take(*range, {bands}, "range");
  if (lsb)
    in.lsb = take(*lsb, {static_cast<int64_t>(in.list.blocks.size())}, "lsb");
  TORCH_CHECK_VALUE(p.levels >= 1 && p.levels <= 255, "expected 1 to 255 levels, but got ",
                    p.levels);
  TORCH_CHECK_VALUE(p.gMax > p.gMin && p.gMin >= 0, "expected 0 <= g_min < g_max, but got ", p.gMin,
                    " and ", p.gMax);
  if (p.adc != AdcMode::Ideal) {
    TORCH_CHECK_VALUE(in.lsb.defined(), "expected an LSB per block for an ADC, but got none");
    TORCH_CHECK_VALUE(p.adcBits >= 2 && p.adcBits <= 24,
                      "expected an ADC of 2 to 24 bits, but got ", p.adcBits);
  }
  return in;
}

Tensor tileLinear(const Tensor &x, const Tensor &weight, const Tensor &scale,
                  const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                  const Blocks &blocks, bool transposed, const Circuit &c) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("aimc::tile_linear", "").typed<Forward>();
  return std::get<0>(op.call(x, weight, scale, gain, range, lsb, blocks, transposed, c.tileRows,
                             c.columnOhm, c.adcOhm, c.alternating, c.gMinUS, c.gMaxUS, c.readVolt,
                             c.tickNs, c.levels, static_cast<int64_t>(c.dac),
                             static_cast<int64_t>(c.adc), c.adcBits));
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CPU, m) {
  m.impl("tile_linear", aimc::ops::forwardCpu);
  m.impl("tile_linear_backward", aimc::ops::backwardCpu);
}
TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) {
  m.impl("tile_linear", aimc::ops::forwardComposite);
  m.impl("tile_linear_backward", aimc::ops::backwardComposite);
}
TORCH_LIBRARY_IMPL(aimc, Meta, m) {
  m.impl("tile_linear", aimc::ops::forwardMeta);
  m.impl("tile_linear_backward", aimc::ops::backwardMeta);
}
TORCH_LIBRARY_IMPL(aimc, Autograd, m) { m.impl("tile_linear", aimc::ops::forwardAutograd); }
TORCH_LIBRARY_IMPL(aimc, AutocastCPU, m) {
  m.impl("tile_linear",
         aimc::ops::forwardAutocast<c10::DeviceType::CPU, c10::DispatchKey::AutocastCPU>);
}
TORCH_LIBRARY_IMPL(aimc, AutocastCUDA, m) {
  m.impl("tile_linear",
         aimc::ops::forwardAutocast<c10::DeviceType::CUDA, c10::DispatchKey::AutocastCUDA>);
}
