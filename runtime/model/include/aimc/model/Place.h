//===- Place.h - where a block lies in its tile -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Ladder.h"

namespace aimc::model {

/// First row of a block that lies `away` rows from the ADC, where a cell sees least wire. With
/// read-out on one side the ADC is beyond the last row; with alternating read-out half of the
/// columns end at either side, and blocks begin at the first row. Its own inverse.
constexpr int64_t rowFromAdc(Readout readout, int64_t tileRows, int64_t rows, int64_t away = 0) {
  return readout == Readout::Single ? tileRows - rows - away : away;
}

} // namespace aimc::model
