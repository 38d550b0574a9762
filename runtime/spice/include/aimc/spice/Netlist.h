//===- Netlist.h - a tile read as an ngspice circuit ------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Writes one pass of a read as a netlist for a circuit simulator, element by element: two voltage
// sources per row, a resistor per device, a resistor per piece of wire, a voltage source at the
// rest level as each ADC. `ngspice -b file` runs a transient analysis and prints the charge of
// every column in fC as `q<column> = <value>`. Nothing of this project's own solutions of the
// circuit goes into a netlist. Source: docs/Physics.md section 2. Oracle: test/validation/nodal.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Ladder.h"
#include "aimc/model/Wires.h"

#include <ostream>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace aimc::spice {

/// A crossbar and its surroundings.
struct Circuit {
  model::TileView cells; ///< the whole array, uS
  model::Wires wires;
  model::Readout readout = model::Readout::Single;
  model::Idle idle = model::Idle::Midrail;
  double readVolt = 0.2;
  double restVolt = 0.4; ///< of drivers between pulses and of ADC inputs
  double offVolt = 0;    ///< ADC inputs minus rest level
  double tickNs = 1;
};

/// What the drivers do.
struct Pass {
  std::span<const double> ticks;  ///< [rows] signed pulse lengths, may be fractional
  double window = 0;              ///< ticks that the ADC integrates; at least the longest pulse
  std::vector<std::string> notes; ///< further lines for the comment at the top
};

/// The netlist, or what is wrong with its description.
tl::expected<void, std::string> writeNetlist(std::ostream &out, const Circuit &circuit,
                                             const Pass &pass);

} // namespace aimc::spice
