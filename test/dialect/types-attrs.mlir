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
// CHECK: a1 = #aimc.wire<column_ohm = 0.30000000000000004, row_ohm = 1.0e-09, idle = midrail>
// CHECK: a2 = #aimc.wire<column_ohm = 0.0, row_ohm = 333.3333333333333, idle = midrail>
module attributes {
  test.a0 = #aimc.wire<column_ohm = 0.1000, row_ohm = 0.0, idle = midrail>,
  test.a1 = #aimc.wire<column_ohm = 0.30000000000000004, row_ohm = 1.0e-9, idle = midrail>,
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

// CHECK: a0 = #aimc.place<chip = 0, tile = 1073741823, row = 1, col = 2>
// CHECK: a1 = #aimc.external<"weird key \22quoted\22">
module attributes {
  test.a0 = #aimc.place<chip = 0, tile = 1073741823, row = 1, col = 2>,
  test.a1 = #aimc.external<"weird key \"quoted\"">} {}

// -----

// What is optional is printed where it is not neutral; lists take integers, too.
// CHECK: a0 = #aimc.geometry<rows = 8, cols = 8, pairs = 2, readout = single, significance = [1.0, 4.0]>
// CHECK: a1 = #aimc.device<reram_cmo, g_min_us = 9.0, g_max_us = 88.0, acceptance_percent = 0.2>
// CHECK: a2 = #aimc.device<hermes1, g_min_us = 0.0, g_max_us = 10.35, drift_scale = 100.0, stuck_off = 0.5, stuck_on = 0.5, chip_spread = 1.0, tile_spread = 0.1, column_spread = 0.2, device_spread = 0.3>
// CHECK: a3 = #aimc.device<hermes2, g_min_us = 0.0, g_max_us = 20.7>
// CHECK: a4 = #aimc.device<reram_wan, g_min_us = 1.0, g_max_us = 40.0>
// CHECK: a5 = #aimc.device<table, g_min_us = 1.0, g_max_us = 50.0, table = {format = "aimc-device", g = [1.000000e+00, 5.000000e+01]}>
// CHECK: a6 = #aimc.device<table, g_min_us = 1.0, g_max_us = 50.0, file = "dev.json">
// CHECK: a7 = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 1.0e-06>
module attributes {
  test.a0 = #aimc.geometry<rows = 8, cols = 8, pairs = 2, readout = single, significance = [1, 4.0]>,
  test.a1 = #aimc.device<reram_cmo, acceptance_percent = 0.2, g_min_us = 9, g_max_us = 88>,
  test.a2 = #aimc.device<hermes1, g_min_us = 0.0, g_max_us = 10.35, drift_scale = 100, stuck_off = 0.5, stuck_on = 0.5, chip_spread = 1, tile_spread = 0.1, column_spread = 0.2, device_spread = 0.3>,
  test.a3 = #aimc.device<hermes2, g_min_us = 0.0, g_max_us = 20.7, acceptance_percent = 2>,
  test.a4 = #aimc.device<reram_wan, g_min_us = 1.0, g_max_us = 40.0, stuck_on = 0>,
  test.a5 = #aimc.device<table, g_min_us = 1.0, g_max_us = 50.0, table = {g = [1.0, 50.0], format = "aimc-device"}>,
  test.a6 = #aimc.device<table, g_min_us = 1.0, g_max_us = 50.0, file = "dev.json">,
  test.a7 = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 1.0e-6>} {}

// -----

// CHECK: a0 = #aimc.wire<column_ohm = 1.0, row_ohm = 0.5, idle = midrail, driver_ohm = 50.0, adc_ohm = 1.0e+06, spread = 0.1>
// CHECK: a1 = #aimc.wire<column_ohm = 1.0, row_ohm = 0.0, idle = open, fidelity = segments>
// CHECK: a2 = #aimc.wire<column_ohm = 1.0, row_ohm = 0.0, idle = open, fidelity = exact>
// CHECK: a3 = #aimc.wire<column_ohm = 1.0, row_ohm = 0.0, idle = open>
// CHECK: a4 = #aimc.adc<ideal, v_off_v = -1.0>
// CHECK: a5 = #aimc.adc<linear, lsb_fc = 1.0e-09, bits = 2, gain_spread = 1.0, offset_spread_lsb = 0.5, calibrated = false, v_off_v = 0.01>
module attributes {
  test.a0 = #aimc.wire<column_ohm = 1, row_ohm = 0.5, idle = midrail, driver_ohm = 50, adc_ohm = 1.0e6, spread = 0.1>,
  test.a1 = #aimc.wire<column_ohm = 1, row_ohm = 0.0, idle = open, fidelity = segments>,
  test.a2 = #aimc.wire<column_ohm = 1, row_ohm = 0.0, idle = open, fidelity = exact>,
  test.a3 = #aimc.wire<column_ohm = 1, row_ohm = 0.0, idle = open, fidelity = one_product>,
  test.a4 = #aimc.adc<ideal, v_off_v = -1>,
  test.a5 = #aimc.adc<linear, lsb_fc = 1.0e-9, bits = 2, gain_spread = 1, offset_spread_lsb = 0.5, calibrated = false, v_off_v = 0.01>} {}

// -----

// CHECK: a0 = #aimc.compensate<none>
// CHECK: a1 = #aimc.compensate<gain>
// CHECK: a2 = #aimc.compensate<weights>
// CHECK: a3 = #aimc.compensate<weights_pulses>
module attributes {
  test.a0 = #aimc.compensate<none>, test.a1 = #aimc.compensate<gain>,
  test.a2 = #aimc.compensate<weights>, test.a3 = #aimc.compensate<weights_pulses>} {}
