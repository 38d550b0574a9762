//===- Wires.h - what lies between drivers, cells and ADCs -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Resistances of a tile and the state of its idle rows. A column ends at its ADC through half a
// piece of wire and the ADC's terminal resistance; a row starts at its driver through the driver's
// terminal resistance and half a piece of wire. Source: docs/Physics.md section 2.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace aimc::model {

/// What a row does once its pulse has ended: both drivers at the rest level, or disconnected.
enum class Idle : uint8_t { Midrail, Open };

/// How closely a read with open idle rows follows the circuit: slot by slot; columns lumped into
/// segments; one reference column per input vector, then one matrix product.
enum class Fidelity : uint8_t { Exact, Segments, OneProduct };

/// Wires of one crossbar, ohm per cell. The factors, where given, scale the piece of wire that
/// leads from a cell towards the ADC (column) or comes from the driver (row); row-major
/// [rows x cols] of the array.
struct Wires {
  double columnOhm = 0, rowOhm = 0;
  double driverOhm = 0, adcOhm = 0;
  const float *columnFactor = nullptr, *rowFactor = nullptr;

  bool any() const { return columnOhm > 0 || rowOhm > 0 || driverOhm > 0 || adcOhm > 0; }
  /// Rows matter: the fold is two-dimensional.
  bool rows() const { return rowOhm > 0 || driverOhm > 0; }
};

} // namespace aimc::model
