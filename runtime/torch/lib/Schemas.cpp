//===- Schemas.cpp - what torch.ops.aimc offers -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Units: uS, V, ns, fC, ohm. `blocks`: six numbers per block, see Operators.h. `dac`, `adc`: the
// numbers of ops::DacMode and ops::AdcMode. `table`: the JSON of a device file, for kind table.
//
//===----------------------------------------------------------------------===//
#include "Torch.h"

TORCH_LIBRARY(aimc, m) {
  m.set_python_module("aimc.torch.operators");

  m.def("target_pairs(Tensor weight, Tensor scale, float g_min, float g_max, float start=0., "
        "float share=1.) -> (Tensor plus, Tensor minus)");

  m.def("dac(Tensor x, Tensor range, int levels, int mode=2) -> Tensor");
  m.def("adc(Tensor charge, Tensor lsb, int bits, int mode) -> Tensor");
  m.def("read_power(Tensor ticks, int levels, float tick_ns) -> (Tensor power, Tensor delta)");
  m.def("read_power_slope(Tensor ticks, int levels, float tick_ns) -> (Tensor, Tensor)");

  m.def("fold(Tensor plus, Tensor minus, Tensor? background, int[] blocks, bool transposed, int "
        "tile_rows, float column_ohm, float adc_ohm, bool alternating, float read_volt, float "
        "rest_us) -> (Tensor weff, Tensor transfer)");
  m.def("fold_backward(Tensor weff_grad, Tensor? transfer_grad, Tensor plus, Tensor minus, Tensor? "
        "background, int[] blocks, bool transposed, int tile_rows, float column_ohm, float "
        "adc_ohm, bool alternating, float read_volt, float rest_us) -> (Tensor, Tensor)");

  m.def("tile_linear(Tensor x, Tensor weight, Tensor scale, Tensor? gain, Tensor? range, Tensor? "
        "lsb, int[] blocks, bool transposed, int tile_rows, float column_ohm, float adc_ohm, bool "
        "alternating, float g_min, float g_max, float read_volt, float tick_ns, int levels, int "
        "dac, int adc, int adc_bits) -> (Tensor y, Tensor saturated, Tensor folded)");
  m.def("tile_linear_backward(Tensor grad, Tensor x, Tensor weight, Tensor scale, Tensor? gain, "
        "Tensor? range, Tensor? lsb, Tensor saturated, Tensor folded, int[] blocks, bool "
        "transposed, int "
        "tile_rows, float column_ohm, float adc_ohm, bool alternating, float g_min, float g_max, "
        "float read_volt, float tick_ns, int levels, int dac, int adc, int adc_bits, bool[6] "
        "wanted) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");

  m.def("read(Tensor x, Tensor weff, Tensor scale, Tensor? gain, Tensor? range, Tensor? lsb, "
        "Tensor? plus, Tensor? minus, Tensor? transfer, int[] blocks, bool transposed, float "
        "g_min, float g_max, float read_volt, float tick_ns, int levels, int dac, int adc, int "
        "adc_bits, float noise_scale=1., Tensor? key=None, int part=0, Generator? generator=None, "
        "int[] passes=[]) -> Tensor");

  m.def(
      "device_curves(str kind, float g_min, float g_max, float programming_scale=1., float "
      "read_scale=1., float drift_scale=1., float acceptance_percent=2., float? time_s=None, str? "
      "table=None) -> (Tensor curves, float[] law)");
  m.def("tile_numbers() -> (int, int)");
  m.def("tile_stream(int target, int chip, int tile) -> int");
  m.def("device_facts(str kind, float g_min, float g_max, float stuck_off=0., float stuck_on=0., "
        "str? table=None) -> (bool noisy_reads, float stuck_off, float stuck_on)");
  m.def("without_effect(str[] names, str[] options, str[] targets, float[] numbers, bool timed, "
        "bool ranged) -> str[]");
  m.def("device_state(Tensor target, Tensor? programming, Tensor? life, Tensor? low_frequency, "
        "Tensor curves, float[] law, Tensor? spread=None) -> Tensor");
  m.def("device_state_slope(Tensor target, Tensor? programming, Tensor? life, Tensor? "
        "low_frequency, Tensor curves, float[] law, Tensor? spread=None) -> Tensor");
  m.def("normals(int seed, int stream, int id, int sub, int row, int col, int rows, int cols, "
        "float? time_s=None) -> Tensor");
  m.def("uniforms(int seed, int stream, int id, int sub, int row, int col, int rows, int cols) -> "
        "Tensor");
  m.def("best_range(float[] shares, float[] values, float codes, bool nearest) -> float");
  m.def("effective_bits(float signal_power, float error_power) -> (float bits, bool few)");
  m.def("clipping_warning(str rule, int cells, int clipped, float power, float clip_error) -> str");
  m.def("noise(SymInt[] size, Tensor key, int part=0, int[] blocks=[], Tensor? places=None) -> "
        "Tensor");

  m.def("cut_blocks(int rows, int cols, int tile_rows, int tile_cols, bool alternating=False) -> "
        "int[]");
  m.def("column_scales(Tensor weight, int[] blocks, bool transposed, str rule) -> Tensor");
  m.def("choose_scales(Tensor weight, int[] blocks, bool transposed, str rule, str kind, float "
        "g_min, float g_max, float programming_scale=1., float acceptance_percent=2., float[] "
        "significance=[], str? table=None) -> Tensor");
  m.def("compensate(Tensor weight, Tensor scale, int[] blocks, bool transposed, int tile_rows, "
        "float column_ohm, float adc_ohm, bool alternating, float g_min, float g_max, str mode, "
        "bool open=False, Tensor? histogram=None, int bits=8, int[] passes=[], int tile_cols=0, "
        "float row_ohm=0., float driver_ohm=0.) -> (Tensor shape, Tensor gain)");

  // Open rows. `passes`: shift and bits of each pass of the converter; empty: one pass.
  m.def("row_activity(Tensor? histogram, int rows, int bits, int[] passes=[], int slots=24) -> "
        "(Tensor probability, Tensor share)");
  m.def("open_fold(Tensor plus, Tensor minus, Tensor probability, Tensor share, int[] blocks, bool "
        "transposed, int tile_rows, float column_ohm, float adc_ohm, bool alternating, float "
        "read_volt) -> (Tensor matrix, Tensor transfer, Tensor reference)");
  m.def("open_fold_backward(Tensor matrix_grad, Tensor transfer_grad, Tensor plus, Tensor minus, "
        "Tensor reference, Tensor transfer, Tensor probability, Tensor share, int[] blocks, bool "
        "transposed, int tile_rows, float column_ohm, float adc_ohm, bool alternating, float "
        "read_volt) -> "
        "(Tensor, Tensor)");
  m.def("open_places(Tensor plus, Tensor minus, int[] blocks, bool transposed, int tile_rows, bool "
        "alternating) -> Tensor");
  m.def("open_product(Tensor ticks, Tensor matrix, Tensor reference, Tensor? aim, int[] blocks, "
        "int tile_rows, float column_ohm, float adc_ohm, bool alternating, int longest) -> Tensor");
  m.def("open_product_backward(Tensor grad, Tensor ticks, Tensor matrix, Tensor reference, Tensor? "
        "aim, int[] blocks, int tile_rows, float column_ohm, float adc_ohm, bool alternating, int "
        "longest) -> (Tensor, Tensor)");
  m.def("open_pulses(Tensor x, Tensor range, Tensor plus, Tensor minus, Tensor probability, Tensor "
        "share, int[] blocks, int tile_rows, float column_ohm, float adc_ohm, bool alternating, "
        "int levels) -> (Tensor pulses, Tensor factor, Tensor mean)");
  m.def("open_read(Tensor x, Tensor plus, Tensor minus, Tensor probability, Tensor share, Tensor "
        "scale, Tensor? gain, Tensor? range, Tensor? lsb, int[] blocks, bool transposed, int "
        "tile_rows, float column_ohm, float adc_ohm, bool alternating, float g_min, float g_max, "
        "float read_volt, float tick_ns, int levels, int dac, int adc, int adc_bits, bool "
        "predistort=False, float noise_scale=0., Tensor? key=None, int part=0, int[] passes=[], "
        "Tensor? pulse_plus=None, Tensor? pulse_minus=None) -> Tensor");

  m.def(
      "fold_crossbar(Tensor plus, Tensor minus, int[] blocks, bool transposed, int tile_rows, int "
      "tile_cols, float column_ohm, float adc_ohm, float row_ohm, float driver_ohm, bool "
      "alternating, float read_volt, float rest_us) -> (Tensor weff, Tensor transfer)");
  m.def("fold_crossbar_backward(Tensor weff_grad, Tensor plus, Tensor minus, int[] blocks, bool "
        "transposed, int tile_rows, int tile_cols, float column_ohm, float adc_ohm, float row_ohm, "
        "float driver_ohm, bool alternating, float read_volt, float rest_us) -> (Tensor, Tensor)");
}
