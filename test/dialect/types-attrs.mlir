// RUN: aimc-opt --split-input-file %s | FileCheck %s
// RUN: aimc-opt --split-input-file %s | aimc-opt --split-input-file | FileCheck %s

// Every attribute, every enumerator, and every way to write a number.

// CHECK: a0 = #aimc.geometry<rows = 1, cols = 16384, pairs = 8, readout = single>
// CHECK: a1 = #aimc.geometry<rows = 512, cols = 256, pairs = 1, readout = alternating>
module attributes {
  test.a0 = #aimc.geometry<rows = 1, cols = 16384, pairs = 8, readout = single>,
  test.a1 = #aimc.geometry<readout = alternating, pairs = 1, cols = 256, rows = 512>} {}

// -----

// An integer literal is a number too; neutral noise scales are not printed.
// CHECK: a0 = #aimc.device<pcm, g_min_us = 0.0, g_max_us = 25.0>
// CHECK: a1 = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 1000.0>
// CHECK: a2 = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, programming_noise_scale = 0.5, read_noise_scale = 0.0>
module attributes {
  test.a0 = #aimc.device<pcm, g_min_us = 0, g_max_us = 25, programming_noise_scale = 1.0>,
  test.a1 = #aimc.device<ideal, g_min_us = 1.0e-1, g_max_us = 1000.>,
  test.a2 = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, programming_noise_scale = 0.5, read_noise_scale = 0.0>} {}

// -----

// Shortest text that reads back as the same double; minus zero is zero.
// CHECK: a0 = #aimc.wire<column_ohm = 0.1, row_ohm = 0.0, idle = midrail>
// CHECK: a1 = #aimc.wire<column_ohm = 0.30000000000000004, row_ohm = 1.0e-09, idle = open>
// CHECK: a2 = #aimc.wire<column_ohm = 0.0, row_ohm = 333.3333333333333, idle = midrail>
module attributes {
  test.a0 = #aimc.wire<column_ohm = 0.1000, row_ohm = 0.0, idle = midrail>,
  test.a1 = #aimc.wire<column_ohm = 0.30000000000000004, row_ohm = 1.0e-9, idle = open>,
  test.a2 = #aimc.wire<column_ohm = -0.0, row_ohm = 333.3333333333333, idle = midrail>} {}

// -----

// CHECK: a0 = #aimc.dac<bits = 2, mode = one_pass, v_read_v = 1.0, tick_ns = 4096.0>
// CHECK: a1 = #aimc.dac<bits = 9, mode = bit_serial, v_read_v = 0.2, tick_ns = 0.25>
// CHECK: a2 = #aimc.dac<bits = 3, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 1>
module attributes {
  test.a0 = #aimc.dac<bits = 2, mode = one_pass, v_read_v = 1, tick_ns = 4096>,
  test.a1 = #aimc.dac<bits = 9, mode = bit_serial, v_read_v = 0.2, tick_ns = 0.25>,
  test.a2 = #aimc.dac<bits = 3, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 1>} {}

// -----

// CHECK: a0 = #aimc.adc<ideal>
// CHECK: a1 = #aimc.adc<linear, lsb_fc = 30.0, bits = 2>
// CHECK: a2 = #aimc.adc<cco, lsb_fc = 16.03, bits = 24>
module attributes {
  test.a0 = #aimc.adc<ideal>,
  test.a1 = #aimc.adc<linear, bits = 2, lsb_fc = 30.0>,
  test.a2 = #aimc.adc<cco, lsb_fc = 16.03, bits = 24>} {}

// -----

// CHECK: a0 = #aimc.place<chip = 0, tile = 2147483647, row = 1, col = 2>
// CHECK: a1 = #aimc.external<"weird key \22quoted\22">
module attributes {
  test.a0 = #aimc.place<chip = 0, tile = 2147483647, row = 1, col = 2>,
  test.a1 = #aimc.external<"weird key \"quoted\"">} {}
