//===- NormalTransform.h - coefficients of the normal transform -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the scalar and the vector forms of the Box-Muller transform share (see Random.h). Minimax
// fits of this project, in single precision. Changing a digit changes what every seed means.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace aimc::model {

/// Coefficients of the normal transform, shared with the vectorised versions.
namespace normal_transform {
/// log(1+f) = f - f^2/2 + f^3 (l0 + l1 f + ... + l6 f^6) on [sqrt(1/2)-1, sqrt(2)-1], 3e-8.
inline constexpr float kLog[7] = {0.33333910f, -0.25001338f, 0.19963062f, -0.16577587f,
                                  0.14914787f, -0.14267476f, 0.087003596f};
inline constexpr float kLn2 = 0.69314718056f;
inline constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
/// sin x = x + x^3 (s0 + s1 x^2 + s2 x^4) on |x| <= pi/4.
inline constexpr float kSin[3] = {-0.16666655f, 8.3321780e-3f, -1.9517298e-4f};
/// cos x = 1 - x^2/2 + x^4 (c0 + c1 x^2 + c2 x^4) on |x| <= pi/4.
inline constexpr float kCos[3] = {4.1666646e-2f, -1.3887368e-3f, 2.4438450e-5f};
inline constexpr float kRadians = 1.4629180793e-9f;   ///< 2 pi / 2^32
inline constexpr float kUniform = 4.6566128731e-10f;  ///< 2^-31
inline constexpr float kHalfStep = 2.3283064365e-10f; ///< 2^-32
} // namespace normal_transform

} // namespace aimc::model
