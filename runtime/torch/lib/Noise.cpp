//===- Noise.cpp - draws that name themselves -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// N(0,1) as a pure function of a key (seed, site, step): a run that was interrupted, a batch that
// is recomputed, another number of threads see the same noise. Other devices get the CPU's numbers.
//
//===----------------------------------------------------------------------===//
#include "Torch.h"

#include "aimc/model/Random.h"
#include "aimc/torch/Operators.h"

#include <algorithm>

namespace aimc::ops {
namespace {

using at::Tensor;

constexpr int64_t kRow = 4096; ///< values per row of the stream
constexpr int kSiteBits = 40;  ///< of a stream's number that the site and a byte take

Tensor noiseOf(c10::SymIntArrayRef size, const Tensor &key, int64_t part) {
  TORCH_CHECK_VALUE(key.scalar_type() == at::kLong && key.dim() == 1 && key.size(0) == 3,
                    "expected a key of three int64 numbers, seed, site and step, but got shape ",
                    key.sizes());
  const Tensor host = key.to(at::kCPU).contiguous();
  const int64_t *words = host.const_data_ptr<int64_t>();
  // The low byte of a part lies below the site, what is above (calls, pairs) over it.
  const auto low = static_cast<uint64_t>(part) & 0xff, high = static_cast<uint64_t>(part) >> 8;
  const auto stream =
      model::makeStream(static_cast<uint64_t>(words[0]), model::StreamKind::Training,
                        high << kSiteBits | static_cast<uint64_t>(words[1]) << 8 | low,
                        static_cast<uint32_t>(words[2]));
  Tensor out = at::empty(C10_AS_INTARRAYREF_SLOW(size), at::kFloat);
  float *data = out.mutable_data_ptr<float>();
  const int64_t n = out.numel();
  at::parallel_for(0, (n + kRow - 1) / kRow, 4, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      model::normals(stream, static_cast<uint32_t>(row), 0, std::min(kRow, n - row * kRow),
                     data + row * kRow);
  });
  return out.to(key.device());
}

Tensor noiseMeta(c10::SymIntArrayRef size, const Tensor &key, int64_t) {
  return at::empty_symint(size, key.options().dtype(at::kFloat));
}

} // namespace

Tensor noise(at::IntArrayRef size, const Tensor &key, int64_t part) {
  return noiseOf(c10::fromIntArrayRefSlow(size), key, part);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) { m.impl("noise", aimc::ops::noiseOf); }
TORCH_LIBRARY_IMPL(aimc, Meta, m) { m.impl("noise", aimc::ops::noiseMeta); }
