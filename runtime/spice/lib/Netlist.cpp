//===- Netlist.cpp - a tile read as an ngspice circuit --------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What makes the simulator exact, found by experiment (test/validation):
//   * The circuit holds no capacitor, so a transient is a chain of exact linear solves, and the
//     trapezoid rule over time points is the integral where currents are piecewise linear. Pulse
//     edges are ramps centred on the pulse's ends: a ramp's area is that of the ideal step, and
//     with idle rows at mid-rail the length of a ramp does not matter.
//   * With open idle rows the cells are switched by access transistors, whose current is not linear
//     in the ramp; there the ramp must be short. The simulator merges breakpoints that are closer
//     than 5e-5 of the largest time step, so a short ramp asks for a short step.
//   * .measure rounds its results to seven digits; integ() in a control section does not.
//
//===----------------------------------------------------------------------===//
#include "aimc/spice/Netlist.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace aimc::spice {
namespace {

constexpr double kLeadTicks = 1; ///< quiet time before the pulses and after the window
constexpr double kOnOhm = 1e-6, kOffOhm = 1e18;

/// Digits enough for a simulator that itself keeps fifteen.
std::string number(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 14);
  return std::string(text, end.ptr);
}

struct Timing {
  double edge, step; ///< ticks
};

Timing timing(const Circuit &circuit, const Pass &pass) {
  double shortest = pass.window;
  for (double d : pass.ticks)
    if (d != 0)
      shortest = std::min(shortest, std::fabs(d));
  if (circuit.idle == model::Idle::Midrail)
    return {std::min(0.5, shortest / 2), std::max(1.0, pass.window / 12)};
  const double step = std::min(0.25, std::max(0.02, pass.window / 200)) * std::min(1.0, shortest);
  return {6e-5 * step, step};
}

class Writer {
public:
  Writer(std::ostream &out, const Circuit &circuit, const Pass &pass)
      : out(out), c(circuit), pass(pass), time(timing(circuit, pass)), rows(c.cells.rows),
        cols(c.cells.cols) {}

  void write() {
    header();
    drivers();
    if (c.wires.rows())
      rowLines();
    columns();
    devices();
    analysis();
  }

private:
  bool conducts(int64_t row) const { return pass.ticks[static_cast<size_t>(row)] != 0; }
  bool firstRow(int64_t col) const {
    return c.readout == model::Readout::Alternating && col % 2 == 1;
  }
  std::string seconds(double ticks) const { return number(ticks * c.tickNs * 1e-9); }
  static std::string cell(const char *line, int64_t row, int64_t col) {
    return line + std::to_string(row) + '_' + std::to_string(col);
  }
  double factor(const float *factors, int64_t row, int64_t col) const {
    return factors ? static_cast<double>(factors[row * cols + col]) : 1.0;
  }

  void header();
  void pulse(int64_t row, double from, double to);
  void drivers();
  void rowLines();
  void columns();
  void devices();
  void device(const char *line, int64_t row, int64_t col, double microSiemens);
  void analysis();

  std::ostream &out;
  const Circuit &c;
  const Pass &pass;
  const Timing time;
  const int64_t rows, cols;
  /// Names of the nodes that devices hang on; pieces of wire without resistance join nodes.
  std::vector<std::string> columnNode, plusNode, minusNode;
};

void Writer::header() {
  const bool open = c.idle == model::Idle::Open;
  out << "* One pass of a crossbar read, " << rows << " rows x " << cols << " columns\n"
      << "* Run: ngspice -b <this file>     prints q<column> = charge in fC\n*\n";
  for (const std::string &note : pass.notes)
    out << "* " << note << '\n';
  out << "* Row i has a plus line and a minus line, driven from the left. While its pulse lasts\n"
      << "* they are at rest + sign x read and rest - sign x read, else at the rest level"
      << (open ? ";\n* an idle row's cells are disconnected from its lines by access switches.\n"
               : ".\n")
      << "* Rp<i>_<j> and Rm<i>_<j> are the devices of cell (i, j) between its row's lines and "
         "its\n"
      << "* column; Rc<i>_<j> is the piece of column wire from the cell towards the ADC";
  if (c.wires.rows())
    out << ",\n* Rwp<i>_<j> and Rwm<i>_<j> the pieces of row wire that lead to the cell";
  out << ".\n* Vadc<j> is the ADC's virtual ground; the charge is the integral of its current.\n"
      << "* Rest level " << number(c.restVolt) << " V, read amplitude " << number(c.readVolt)
      << " V, ADC input " << number(c.restVolt + c.offVolt) << " V, tick " << number(c.tickNs)
      << " ns, window " << number(pass.window) << " ticks.\n"
      << "* Pulses start at " << number(kLeadTicks) << " tick; edges are ramps of "
      << number(time.edge) << " ticks centred on the ends of pulses.\n*\n";
}

/// A ramp up at the common start of all pulses and down at the end of this one.
void Writer::pulse(int64_t row, double from, double to) {
  const double half = time.edge / 2, start = kLeadTicks;
  const double end = start + std::fabs(pass.ticks[static_cast<size_t>(row)]);
  const std::string low = number(from), high = number(to);
  out << " PWL(0 " << low << ' ' << seconds(start - half) << ' ' << low << ' '
      << seconds(start + half) << ' ' << high << ' ' << seconds(end - half) << ' ' << high << ' '
      << seconds(end + half) << ' ' << low << ")\n";
}

void Writer::drivers() {
  out << "* Drivers\nVrest rest 0 " << number(c.restVolt) << '\n';
  for (int64_t i = 0; i < rows; ++i) {
    if (!conducts(i))
      continue;
    const double swing = std::copysign(c.readVolt, pass.ticks[static_cast<size_t>(i)]);
    for (const char *line : {"p", "m"}) {
      const double level = c.restVolt + (*line == 'p' ? swing : -swing);
      out << 'V' << line << i << " d" << line << i << " 0";
      if (c.idle == model::Idle::Open)
        out << ' ' << number(level) << '\n';
      else
        pulse(i, c.restVolt, level);
    }
    if (c.idle == model::Idle::Open) {
      out << "Vs" << i << " s" << i << " 0";
      pulse(i, 0, 1);
    }
  }
  const auto driver = [&](const char *line, int64_t i) {
    return conducts(i) ? std::string("d") + line + std::to_string(i) : std::string("rest");
  };
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      plusNode.push_back(driver("p", i));
      minusNode.push_back(driver("m", i));
    }
}

void Writer::rowLines() {
  out << "* Row wires\n";
  for (const char *line : {"p", "m"})
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<std::string> &node = *line == 'p' ? plusNode : minusNode;
      std::string before = node[static_cast<size_t>(i * cols)];
      for (int64_t j = 0; j < cols; ++j) {
        double ohm = c.wires.rowOhm * factor(c.wires.rowFactor, i, j);
        ohm = j == 0 ? ohm / 2 + c.wires.driverOhm : ohm;
        std::string &here = node[static_cast<size_t>(i * cols + j)];
        here = ohm > 0 ? cell(line, i, j) : before;
        if (ohm > 0)
          out << "Rw" << cell(line, i, j) << ' ' << before << ' ' << here << ' ' << number(ohm)
              << '\n';
        before = here;
      }
    }
}

void Writer::columns() {
  out << "* Column wires and ADCs\n";
  columnNode.resize(static_cast<size_t>(rows * cols));
  for (int64_t j = 0; j < cols; ++j) {
    std::string after = "a" + std::to_string(j);
    out << "Vadc" << j << ' ' << after << " 0 " << number(c.restVolt + c.offVolt) << '\n';
    for (int64_t k = 0; k < rows; ++k) { // from the ADC to the far end
      const int64_t i = firstRow(j) ? k : rows - 1 - k;
      double ohm = c.wires.columnOhm * factor(c.wires.columnFactor, i, j);
      ohm = k == 0 ? ohm / 2 + c.wires.adcOhm : ohm;
      std::string &here = columnNode[static_cast<size_t>(i * cols + j)];
      here = ohm > 0 ? cell("c", i, j) : after;
      if (ohm > 0)
        out << "Rc" << i << '_' << j << ' ' << here << ' ' << after << ' ' << number(ohm) << '\n';
      after = here;
    }
  }
}

void Writer::device(const char *line, int64_t row, int64_t col, double microSiemens) {
  if (microSiemens == 0)
    return;
  const auto at = static_cast<size_t>(row * cols + col);
  const std::string &source = (*line == 'p' ? plusNode : minusNode)[at];
  const std::string ohm = number(1e6 / microSiemens), name = cell(line, row, col);
  if (c.idle == model::Idle::Midrail) {
    out << 'R' << name << ' ' << source << ' ' << columnNode[at] << ' ' << ohm << '\n';
    return;
  }
  out << 'S' << name << ' ' << source << " x" << name << " s" << row << " 0 select\n"
      << 'R' << name << " x" << name << ' ' << columnNode[at] << ' ' << ohm << '\n';
}

void Writer::devices() {
  out << "* Devices\n";
  if (c.idle == model::Idle::Open)
    out << ".model select sw vt=0.5 vh=0 ron=" << number(kOnOhm) << " roff=" << number(kOffOhm)
        << '\n';
  for (int64_t i = 0; i < rows; ++i) {
    // A row without a pulse stays disconnected during the whole pass.
    if (c.idle == model::Idle::Open && !conducts(i))
      continue;
    for (int64_t j = 0; j < cols; ++j) {
      const auto at = i * c.cells.stride + j;
      device("p", i, j, static_cast<double>(c.cells.gPlus[at]));
      device("m", i, j, static_cast<double>(c.cells.gMinus[at]));
    }
  }
}

void Writer::analysis() {
  // Only the ADCs' currents are kept. A current that flows while all rows idle (ADC input off the
  // rest level) counts during the window alone.
  out << "* Analysis\n.tran " << seconds(time.step) << ' ' << seconds(pass.window + 2 * kLeadTicks)
      << " 0 " << seconds(time.step) << "\n.save";
  for (int64_t j = 0; j < cols; ++j)
    out << (j % 16 == 15 ? "\n+" : "") << " i(Vadc" << j << ')';
  out << "\n.control\nset numdgt=15\nset noinit\nrun\nlet last = length(time) - 1\n"
      << "let window = " << seconds(pass.window) << '\n';
  for (int64_t j = 0; j < cols; ++j) {
    const std::string current = "i(Vadc" + std::to_string(j) + ')';
    out << "let total = integ(" << current << ")\nlet q" << j << " = 1e15 * (total[last] - "
        << current << "[0] * (time[last] - window))\nprint q" << j << '\n';
  }
  out << "quit\n.endc\n.end\n";
}

std::string range(const char *what, const std::string &valid, double got) {
  return std::string(what) + ": expected " + valid + ", but got " + number(got);
}

tl::expected<void, std::string> check(const Circuit &c, const Pass &pass) {
  const auto bad = [](std::string text) { return tl::unexpected<std::string>(std::move(text)); };
  if (c.cells.rows < 1 || c.cells.cols < 1)
    return bad("tile: expected at least one row and one column, but got " +
               std::to_string(c.cells.rows) + " x " + std::to_string(c.cells.cols));
  if (pass.ticks.size() != static_cast<size_t>(c.cells.rows))
    return bad("pulses: expected one for each of the " + std::to_string(c.cells.rows) +
               " rows, but got " + std::to_string(pass.ticks.size()));
  if (!(pass.window > 0) || !std::isfinite(pass.window))
    return bad(range("window", "a positive number of ticks", pass.window));
  if (!(c.tickNs > 0) || !std::isfinite(c.tickNs))
    return bad(range("tick", "a positive number of ns", c.tickNs));
  for (size_t i = 0; i < pass.ticks.size(); ++i)
    if (!(std::fabs(pass.ticks[i]) <= pass.window))
      return bad("pulse of row " + std::to_string(i) + ": expected at most the window of " +
                 number(pass.window) + " ticks, but got " + number(pass.ticks[i]));
  for (int64_t i = 0; i < c.cells.rows; ++i)
    for (int64_t j = 0; j < c.cells.cols; ++j)
      for (const float *g : {c.cells.gPlus, c.cells.gMinus})
        if (const float value = g[i * c.cells.stride + j]; !(value >= 0) || !std::isfinite(value))
          return bad("cell (" + std::to_string(i) + ", " + std::to_string(j) +
                     "): expected a conductance of at least 0 uS, but got " +
                     number(static_cast<double>(value)));
  return {};
}

} // namespace

tl::expected<void, std::string> writeNetlist(std::ostream &out, const Circuit &circuit,
                                             const Pass &pass) {
  if (auto ok = check(circuit, pass); !ok)
    return ok;
  Writer(out, circuit, pass).write();
  return {};
}

} // namespace aimc::spice
