// RUN: aimc-opt --split-input-file --verify-diagnostics %s

// Each constraint of each attribute, by its number in AIMCAttributes.td.

// geometry C1
// expected-error @below {{expected `rows` in [1, 16384], but got 0}}
module attributes {test.a = #aimc.geometry<rows = 0, cols = 512, pairs = 1, readout = single>} {}

// -----

// geometry C1
// expected-error @below {{expected `cols` in [1, 16384], but got 16385}}
module attributes {test.a = #aimc.geometry<rows = 1, cols = 16385, pairs = 1, readout = single>} {}

// -----

// geometry C2
// expected-error @below {{expected `pairs` in [1, 8], but got 9}}
module attributes {test.a = #aimc.geometry<rows = 1, cols = 1, pairs = 9, readout = single>} {}

// -----

// geometry: a part left out
// expected-error @below {{struct is missing required parameter: readout}}
module attributes {test.a = #aimc.geometry<rows = 1, cols = 1, pairs = 1>} {}

// -----

// device: unknown kind
// expected-error @+2 {{expected one of [ideal, pcm, hermes1, hermes2, reram_wan, reram_cmo, table] for device kind, got: memristor}}
// expected-error @+1 {{failed to parse AIMC_DeviceAttr parameter 'kind'}}
module attributes {test.a = #aimc.device<memristor, g_min_us = 0.1, g_max_us = 25.0>} {}

// -----

// device C1
// expected-error @below {{expected `g_min_us` below `g_max_us`, but got 25.0 and 25.0}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 25.0, g_max_us = 25.0>} {}

// -----

// device C1
// expected-error @below {{expected `g_min_us` in [0.0, 1000.0], but got -0.1}}
module attributes {test.a = #aimc.device<pcm, g_min_us = -0.1, g_max_us = 25.0>} {}

// -----

// device C1
// expected-error @below {{expected `g_max_us` in [1.0e-06, 1000.0], but got 1000.5}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 1000.5>} {}

// -----

// device C1: a not-a-number is in no range
// expected-error @below {{expected `g_max_us` in [1.0e-06, 1000.0], but got nan}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 0x7FF8000000000000 : f64>} {}

// -----

// device C2
// expected-error @below {{expected `read_noise_scale` in [0.0, 100.0], but got -1.0}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, read_noise_scale = -1.0>} {}

// -----

// device C2
// expected-error @below {{expected `programming_noise_scale` in [0.0, 100.0], but got 101.0}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, programming_noise_scale = 101>} {}

// -----

// device C3
// expected-error @below {{expected no noise scales for an `ideal` device, which has no noise, but got programming_noise_scale = 1.0, read_noise_scale = 0.0 and drift_scale = 1.0}}
module attributes {test.a = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0, read_noise_scale = 0.0>} {}

// -----

// wire C1
// expected-error @below {{expected `column_ohm` in [0.0, 1000.0], but got -0.15}}
module attributes {test.a = #aimc.wire<column_ohm = -0.15, row_ohm = 0.0, idle = midrail>} {}

// -----

// wire C1
// expected-error @below {{expected `row_ohm` in [0.0, 1000.0], but got 1.0e+20}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 1.0e20, idle = midrail>} {}

// -----

// wire: a number that is none
// expected-error @+2 {{expected a number, but got "much"}}
// expected-error @+1 {{failed to parse AIMC_WireAttr parameter 'column_ohm'}}
module attributes {test.a = #aimc.wire<column_ohm = "much", row_ohm = 0.0, idle = midrail>} {}

// -----

// dac C1
// expected-error @below {{expected `bits` in [2, 9], but got 1}}
module attributes {test.a = #aimc.dac<bits = 1, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>} {}

// -----

// dac C1
// expected-error @below {{expected `bits` in [2, 9], but got 10}}
module attributes {test.a = #aimc.dac<bits = 10, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>} {}

// -----

// dac C2
// expected-error @below {{expected `v_read_v` in [1.0e-06, 1.0], but got 0.0}}
module attributes {test.a = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.0, tick_ns = 1.0>} {}

// -----

// dac C3
// expected-error @below {{expected `tick_ns` in [1.0e-06, 4096.0], but got 0.0}}
module attributes {test.a = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 0>} {}

// -----

// dac C4: a mode that does not split
// expected-error @below {{expected no `lsb_bits` in mode one_pass, but got 3}}
module attributes {test.a = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 3>} {}

// -----

// dac C4: nothing left for the second pass
// expected-error @below {{expected `lsb_bits` in [1, 6], but got 7}}
module attributes {test.a = #aimc.dac<bits = 8, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 7>} {}

// -----

// dac C4: one magnitude bit cannot be split
// expected-error @below {{expected `bits` of at least 3 in mode split, whose two passes share bits - 1 magnitude bits, but got 2}}
module attributes {test.a = #aimc.dac<bits = 2, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 1>} {}

// -----

// adc C1
// expected-error @below {{expected neither `lsb_fc` nor `bits` for an ideal ADC, but got lsb_fc = 16.0 and bits = 0}}
module attributes {test.a = #aimc.adc<ideal, lsb_fc = 16.0>} {}

// -----

// adc C2
// expected-error @below {{expected `lsb_fc` in [1.0e-09, 1.0e+09], but got 0.0}}
module attributes {test.a = #aimc.adc<linear, bits = 12>} {}

// -----

// adc C3
// expected-error @below {{expected `bits` in [2, 24], but got 25}}
module attributes {test.a = #aimc.adc<cco, lsb_fc = 16.03, bits = 25>} {}

// -----

// place C1
// expected-error @below {{expected `tile` in [0, 1073741823], but got -1}}
module attributes {test.a = #aimc.place<chip = 0, tile = -1, row = 0, col = 0>} {}

// -----

// place C1
// expected-error @below {{expected `tile` in [0, 1073741823], but got 1073741824}}
module attributes {test.a = #aimc.place<chip = 0, tile = 1073741824, row = 0, col = 0>} {}

// -----

// place C1
// expected-error @below {{expected `chip` in [0, 1073741823], but got 1073741824}}
module attributes {test.a = #aimc.place<chip = 1073741824, tile = 0, row = 0, col = 0>} {}

// -----

// place C2
// expected-error @below {{expected `row` in [0, 16383], but got 16384}}
module attributes {test.a = #aimc.place<chip = 0, tile = 0, row = 16384, col = 0>} {}

// -----

// external C1
// expected-error @below {{expected the key of a tensor, but got an empty string}}
module attributes {test.a = #aimc.external<"">} {}
