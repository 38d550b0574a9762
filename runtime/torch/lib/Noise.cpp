//===- Noise.cpp - draws that name themselves -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// N(0,1) as a pure function of a key (seed, site, step): a run that was interrupted, a batch that
// is recomputed, another number of threads see the same noise. Other devices get the CPU's numbers.
//
// A key (seed, call, read, pair) means the draws of reads in a session of that seed: `call` names
// the first block of a call site as runtime/exec's drawId does, `read` is the number of the first
// vector since the session began, and blocks are columns of the result beside each other. Where a
// session orders a block's columns anew, `places` has the place of each.
//
//===----------------------------------------------------------------------===//
#include "Torch.h"

#include "aimc/model/Random.h"
#include "aimc/torch/Operators.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace aimc::ops {
namespace {

using at::Tensor;

constexpr int64_t kRow = 4096; ///< values per row of the stream
constexpr int kSiteBits = 40;  ///< of a stream's number that the site and a byte take
constexpr int kPairBits = 24;  ///< of a read's, that the block takes; then comes the pair
constexpr uint64_t kBlocks = (uint64_t(1) << kPairBits) - 1;

/// Draws of a session's reads. `blocks`: number within the call site, with its pass, and columns.
/// `places` [columns]: of each within its block; null: as they come.
void drawReads(const int64_t *words, at::IntArrayRef blocks, const int64_t *places, int64_t rows,
               int64_t columns, float *data) {
  const auto seed = static_cast<uint64_t>(words[0]), call = static_cast<uint64_t>(words[1]),
             first = static_cast<uint64_t>(words[2]), pair = static_cast<uint64_t>(words[3]);
  int64_t column = 0;
  for (size_t i = 0; i + 1 < blocks.size(); i += 2) {
    const auto number = static_cast<uint64_t>(blocks[i]);
    const uint64_t id = (call + (number & kBlocks)) | pair << kPairBits | (number & ~kBlocks);
    const int64_t count = blocks[i + 1], *place = places && count > 0 ? places + column : nullptr;
    const int64_t drawn = place ? *std::max_element(place, place + count) + 1 : count;
    at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
      std::vector<float> ordered(place ? static_cast<size_t>(drawn) : 0);
      for (int64_t row = begin; row < end; ++row) {
        const uint64_t read = first + static_cast<uint64_t>(row);
        const auto stream =
            model::makeStream(seed, model::StreamKind::Read, id, static_cast<uint32_t>(read >> 32));
        float *own = data + row * columns + column;
        model::normals(stream, static_cast<uint32_t>(read), 0, drawn, place ? ordered.data() : own);
        for (int64_t c = 0; place && c < count; ++c)
          own[c] = ordered[static_cast<size_t>(place[c])];
      }
    });
    column += count;
  }
}

Tensor noiseOf(c10::SymIntArrayRef size, const Tensor &key, int64_t part, at::IntArrayRef blocks,
               const std::optional<Tensor> &places) {
  const bool reads = key.dim() == 1 && key.size(0) == 4;
  TORCH_CHECK_VALUE(key.scalar_type() == at::kLong && key.dim() == 1 && (key.size(0) == 3 || reads),
                    "expected a key of three int64 numbers, seed, site and step, or of four, seed, "
                    "call, read and pair, but got shape ",
                    key.sizes());
  const Tensor host = key.to(at::kCPU).contiguous();
  const int64_t *words = host.const_data_ptr<int64_t>();
  if (reads) {
    Tensor out = at::empty(C10_AS_INTARRAYREF_SLOW(size), at::kFloat);
    int64_t columns = 0;
    for (size_t i = 1; i < blocks.size(); i += 2)
      columns += blocks[i];
    TORCH_CHECK_VALUE(out.dim() > 0 && out.size(-1) == columns && blocks.size() % 2 == 0,
                      "expected the columns of all blocks, ", columns, ", but got shape ",
                      out.sizes());
    const Tensor order = places ? places->to(at::kCPU).contiguous() : Tensor();
    TORCH_CHECK_VALUE(!places || (order.scalar_type() == at::kLong && order.dim() == 1 &&
                                  order.size(0) == columns &&
                                  (columns == 0 || order.min().item<int64_t>() >= 0)),
                      "expected the place of each of ", columns,
                      " columns, int64 numbers from 0, but got shape ", order.sizes());
    if (out.numel() > 0)
      drawReads(words, blocks, places ? order.const_data_ptr<int64_t>() : nullptr,
                out.numel() / columns, columns, out.mutable_data_ptr<float>());
    return out.to(key.device());
  }
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

Tensor noiseMeta(c10::SymIntArrayRef size, const Tensor &key, int64_t, at::IntArrayRef,
                 const std::optional<Tensor> &) {
  return at::empty_symint(size, key.options().dtype(at::kFloat));
}

} // namespace

Tensor noise(at::IntArrayRef size, const Tensor &key, int64_t part) {
  return noiseOf(c10::fromIntArrayRefSlow(size), key, part, {}, std::nullopt);
}

} // namespace aimc::ops

TORCH_LIBRARY_IMPL(aimc, CompositeExplicitAutograd, m) { m.impl("noise", aimc::ops::noiseOf); }
TORCH_LIBRARY_IMPL(aimc, Meta, m) { m.impl("noise", aimc::ops::noiseMeta); }
