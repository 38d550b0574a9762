//===- CApi.cpp - netlists from C -----------------------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "aimc/spice/Netlist.h"
#include "aimc/spice/spice.h"

#include <cstdio>
#include <exception>
#include <fstream>

using namespace aimc;

namespace {

tl::expected<void, std::string> writeFile(const aimc_spice_circuit &from, const double *ticks,
                                          double window, const char *note, const char *path) {
  spice::Circuit circuit;
  circuit.cells = {from.plus, from.minus, from.rows, from.cols, from.cols};
  circuit.wires = {from.column_ohm, from.row_ohm,       from.driver_ohm,
                   from.adc_ohm,    from.column_factor, from.row_factor};
  circuit.readout = from.alternating ? model::Readout::Alternating : model::Readout::Single;
  circuit.idle = from.open_rows ? model::Idle::Open : model::Idle::Midrail;
  circuit.readVolt = from.read_v;
  circuit.restVolt = from.rest_v;
  circuit.offVolt = from.off_v;
  circuit.tickNs = from.tick_ns;
  spice::Pass pass{{ticks, static_cast<size_t>(from.rows)}, window, {}};
  if (note && *note)
    pass.notes.emplace_back(note);
  std::ofstream file(path, std::ios::binary);
  if (!file)
    return tl::unexpected<std::string>(std::string(path) + ": expected a file to write");
  if (auto ok = spice::writeNetlist(file, circuit, pass); !ok)
    return ok;
  file.close();
  if (!file)
    return tl::unexpected<std::string>(std::string(path) + ": writing failed");
  return {};
}

} // namespace

int aimc_spice_write(const aimc_spice_circuit *circuit, const double *ticks, double window,
                     const char *note, const char *path, char *message, size_t size) {
  const auto fail = [&](const char *text) {
    if (message && size)
      std::snprintf(message, size, "%s", text);
    return 1;
  };
  if (!circuit || !circuit->plus || !circuit->minus || !ticks || !path)
    return fail("expected circuit, conductances, ticks and path, but got NULL");
  if (circuit->rows < 1 || circuit->cols < 1)
    return fail("expected at least one row and one column, but got fewer");
  try {
    const auto done = writeFile(*circuit, ticks, window, note, path);
    return done ? 0 : fail(done.error().c_str());
  } catch (const std::exception &error) {
    return fail(error.what());
  }
}
