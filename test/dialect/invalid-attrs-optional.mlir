// RUN: aimc-opt --split-input-file --verify-diagnostics %s

// Constraints of the optional parameters of attributes, by their numbers in AIMCAttributes.td. What
// is just inside a limit stands in types-attrs.mlir.

// geometry C3: one factor per pair
// expected-error @below {{expected one factor of `significance` per pair, 2, but got 3}}
module attributes {test.a = #aimc.geometry<rows = 8, cols = 8, pairs = 2, readout = single, significance = [1.0, 2.0, 4.0]>} {}

// -----

// geometry C3: range
// expected-error @below {{expected `significance` in [1.0e-06, 1.0e+06], but got 0.0}}
module attributes {test.a = #aimc.geometry<rows = 8, cols = 8, pairs = 2, readout = single, significance = [0.0, 2.0]>} {}

// -----

// geometry C3: order
// expected-error @below {{expected `significance` from low to high}}
module attributes {test.a = #aimc.geometry<rows = 8, cols = 8, pairs = 2, readout = single, significance = [4, 1]>} {}

// -----

// geometry: no list
// expected-error @+2 {{expected '['}}
// expected-error @+1 {{failed to parse AIMC_GeometryAttr parameter 'significance'}}
module attributes {test.a = #aimc.geometry<rows = 8, cols = 8, pairs = 1, readout = single, significance = 1.0>} {}

// -----

// device C1: between nothing and the smallest window
// expected-error @below {{expected `g_max_us` in [1.0e-06, 1000.0], but got 1.0e-07}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.0, g_max_us = 1.0e-7>} {}

// -----

// device C2: drift
// expected-error @below {{expected `drift_scale` in [0.0, 100.0], but got 100.5}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, drift_scale = 100.5>} {}

// -----

// device C3: an ideal device does not drift
// expected-error @below {{expected no noise scales for an `ideal` device}}
module attributes {test.a = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0, drift_scale = 0.0>} {}

// -----

// device C4
// expected-error @below {{expected `stuck_off` in [0.0, 1.0], but got -0.1}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, stuck_off = -0.1>} {}

// -----

// device C4: both together
// expected-error @below {{expected `stuck_off` and `stuck_on` that add up to at most 1.0, but got 0.6 and 0.5}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, stuck_off = 0.6, stuck_on = 0.5>} {}

// -----

// device C5
// expected-error @below {{expected `column_spread` in [0.0, 1.0], but got 1.5}}
module attributes {test.a = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0, column_spread = 1.5>} {}

// -----

// device C6
// expected-error @below {{expected `acceptance_percent` of 0.2 or 2.0, but got 1.0}}
module attributes {test.a = #aimc.device<reram_cmo, g_min_us = 9.0, g_max_us = 88.0, acceptance_percent = 1.0>} {}

// -----

// device C6: a kind that is not programmed to a window
// expected-error @below {{expected no `acceptance_percent` for a `pcm` device, but got 0.2}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 9.0, g_max_us = 88.0, acceptance_percent = 0.2>} {}

// -----

// device C8
// expected-error @below {{expected conductances in [0.0, 10.35], which a `hermes1` device is characterised for, but got 0.0 to 10.5}}
module attributes {test.a = #aimc.device<hermes1, g_min_us = 0.0, g_max_us = 10.5>} {}

// -----

// device C8
// expected-error @below {{expected conductances in [0.0, 20.7], which a `hermes2` device is characterised for, but got 0.1 to 25.0}}
module attributes {test.a = #aimc.device<hermes2, g_min_us = 0.1, g_max_us = 25.0>} {}

// -----

// device C8
// expected-error @below {{expected conductances in [1.0, 100.0], which a `reram_cmo` device is characterised for, but got 0.5 to 88.0}}
module attributes {test.a = #aimc.device<reram_cmo, g_min_us = 0.5, g_max_us = 88.0>} {}

// -----

// device C7
// expected-error @below {{expected either `table` or `file` for a `table` device, but got neither}}
module attributes {test.a = #aimc.device<table, g_min_us = 0.1, g_max_us = 25.0>} {}

// -----

// device C7
// expected-error @below {{expected either `table` or `file` for a `table` device, but got both}}
module attributes {test.a = #aimc.device<table, g_min_us = 0.1, g_max_us = 25.0, table = {}, file = "x.json">} {}

// -----

// device C7
// expected-error @below {{expected no `file` for a `pcm` device; its kind would be `table`}}
module attributes {test.a = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0, file = "x.json">} {}

// -----

// wire C2
// expected-error @below {{expected `adc_ohm` in [0.0, 1.0e+06], but got 2.0e+06}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail, adc_ohm = 2.0e6>} {}

// -----

// wire C2
// expected-error @below {{expected `driver_ohm` in [0.0, 1.0e+06], but got -1.0}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail, driver_ohm = -1>} {}

// -----

// wire C3
// expected-error @below {{expected `spread` in [0.0, 1.0], but got 2.0}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail, spread = 2.0>} {}

// -----

// wire C4
// expected-error @below {{expected `row_ohm` and `driver_ohm` of 0.0 with idle = open, but got 0.5 and 0.0; no model covers row wires whose rows disconnect}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 0.5, idle = open>} {}

// -----

// wire C4: the driver is a part of the row
// expected-error @below {{expected `row_ohm` and `driver_ohm` of 0.0 with idle = open, but got 0.0 and 1.0}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = open, driver_ohm = 1.0>} {}

// -----

// wire: a fidelity that is none
// expected-error @+2 {{expected one of [one_product, segments, exact] for fidelity of a read with open idle rows, got: perfect}}
// expected-error @+1 {{failed to parse AIMC_WireAttr parameter 'fidelity'}}
module attributes {test.a = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = open, fidelity = perfect>} {}

// -----

// adc C4
// expected-error @below {{expected `gain_spread` in [0.0, 1.0], but got 1.1}}
module attributes {test.a = #aimc.adc<cco, lsb_fc = 16.03, bits = 12, gain_spread = 1.1>} {}

// -----

// adc C4
// expected-error @below {{expected `offset_spread_lsb` in [0.0, 1.0e+06], but got nan}}
module attributes {test.a = #aimc.adc<cco, lsb_fc = 16.03, bits = 12, offset_spread_lsb = 0x7FF8000000000000 : f64>} {}

// -----

// adc C4: nothing to spread
// expected-error @below {{expected no spread for an ideal ADC, but got gain_spread = 0.0 and offset_spread_lsb = 1.0}}
module attributes {test.a = #aimc.adc<ideal, offset_spread_lsb = 1.0>} {}

// -----

// adc C5
// expected-error @below {{expected `v_off_v` in [-1.0, 1.0], but got -1.5}}
module attributes {test.a = #aimc.adc<ideal, v_off_v = -1.5>} {}

// -----

// adc: no boolean
// expected-error @+2 {{expected true or false, but got maybe}}
// expected-error @+1 {{failed to parse AIMC_AdcAttr parameter 'calibrated'}}
module attributes {test.a = #aimc.adc<cco, lsb_fc = 16.03, bits = 12, calibrated = maybe>} {}
