//===- TileLinear.h - a linear layer through its tiles ---------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// y = sum over bands of ADC(DAC(x) Wd), with
//   Wd_ij = T_ij (G+ - G-)_ij s_j gain_j / (g_max - g_min)
// the folded weight in units of the weight, T from the ladder of the whole tile. Wd is kept for the
// backward pass: the size of the weight, for a fifth less time on top of the products.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "Strips.h"
#include "aimc/torch/Operators.h"

namespace aimc::ops {

using MaybeTensor = std::optional<at::Tensor>;

struct TileParams {
  bool transposed;
  Array array;
  double gMin, gMax, readVolt, tickNs;
  int64_t levels;
  DacMode dac;
  AdcMode adc;
  int64_t adcBits;
};

struct TileInputs {
  at::Tensor x; ///< [vectors, K] contiguous
  at::Tensor weight;
  at::Tensor scale, gain, range, lsb; ///< gain, range, lsb may be undefined
  BlockList list;
  int64_t k = 0, n = 0;
};

/// Checks shapes and types and flattens x.
TileInputs tileInputs(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &scale,
                      const MaybeTensor &gain, const MaybeTensor &range, const MaybeTensor &lsb,
                      at::IntArrayRef blocks, const TileParams &p);

/// Gradients, undefined where not wanted.
struct TileGradients {
  at::Tensor x, weight, scale, gain, range, lsb;
};
struct Wanted {
  bool x, weight, scale, gain, range, lsb;
  bool folded() const { return weight || scale || gain; }
};

/// [bands, N] from one number per block.
at::Tensor perColumn(const at::Tensor &perBlock, const TileInputs &in);

/// Power of two that LSBs [bands, N], in units of y, and the folded weight beside them are
/// multiplied by before charges become codes. Of columns of the smallest weights an LSB has no
/// inverse in single precision, and charges have no digits.
at::Tensor magnification(const at::Tensor &lsb);

/// y, the bits of saturated outputs [bands, vectors, bytes] (empty without an ADC), and Wd in the
/// weight's layout.
struct TileOutputs {
  at::Tensor y, saturated, folded;
};
TileOutputs tileForwardCpu(const TileInputs &in, const TileParams &p);
TileGradients tileBackwardCpu(const at::Tensor &grad, const TileInputs &in, const TileParams &p,
                              const at::Tensor &mask, const at::Tensor &folded,
                              const Wanted &wanted);
/// The same of tensor operations, on any device; the backward pass starts from the inputs.
TileOutputs tileForwardComposite(const TileInputs &in, const TileParams &p);
TileGradients tileBackwardComposite(const at::Tensor &grad, const TileInputs &in,
                                    const TileParams &p, const Wanted &wanted);

/// Wd of every block into `folded`, a contiguous tensor of the weight's shape.
void foldWeight(const TileInputs &in, const TileParams &p, at::Tensor &folded);
/// From dL/dWd in `bar`: dL/dw in its place; dL/ds and dL/dgain [bands, N], either undefined.
void foldWeightAdjoint(const TileInputs &in, const TileParams &p, at::Tensor &bar,
                       at::Tensor &scaleBar, at::Tensor &gainBar);

/// Shape of the bits that tell which outputs of which band saturated.
inline int64_t maskBytes(int64_t columns) { return (columns + 7) / 8; }

} // namespace aimc::ops
