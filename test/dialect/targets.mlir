// Every preset verifies, and prints as one target.
// RUN: aimc-opt %targets/pcm.mlir | FileCheck %s --check-prefix=PCM
// RUN: aimc-opt %targets/pcm-256.mlir | FileCheck %s --check-prefix=PCM256
// RUN: aimc-opt %targets/ideal.mlir | FileCheck %s --check-prefix=IDEAL
// RUN: ls %targets/*.mlir | count 9

// PCM:      aimc.target @pcm {
// PCM-NEXT:   geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
// PCM-NEXT:   device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
// PCM-NEXT:   wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
// PCM-NEXT:   dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
// PCM-NEXT:   adc = #aimc.adc<cco, lsb_fc = 16.03, bits = 12>}
// PCM-NOT:  aimc.target

// PCM256:      aimc.target @pcm_256 {
// PCM256-NEXT:   geometry = #aimc.geometry<rows = 256, cols = 256, pairs = 1, readout = single>,
// PCM256:        adc = #aimc.adc<linear, lsb_fc = 30.0, bits = 12>}

// IDEAL:      aimc.target @ideal {
// IDEAL:        device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
// IDEAL-NEXT:   wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
// IDEAL:        adc = #aimc.adc<ideal>}

// RUN: aimc-opt %targets/pcm-open.mlir | FileCheck %s --check-prefix=OPEN
// RUN: aimc-opt %targets/pcm-split.mlir | FileCheck %s --check-prefix=SPLIT
// RUN: aimc-opt %targets/hermes1.mlir | FileCheck %s --check-prefix=HERMES1
// RUN: aimc-opt %targets/hermes2.mlir | FileCheck %s --check-prefix=HERMES2
// RUN: aimc-opt %targets/reram-wan.mlir | FileCheck %s --check-prefix=WAN
// RUN: aimc-opt %targets/reram-cmo.mlir | FileCheck %s --check-prefix=CMO

// OPEN:      aimc.target @pcm_open {
// OPEN:        wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = open>

// SPLIT:      aimc.target @pcm_split {
// SPLIT:        dac = #aimc.dac<bits = 8, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 3>

// HERMES1:      aimc.target @hermes1 {
// HERMES1:        device = #aimc.device<hermes1, g_min_us = 0.0, g_max_us = 10.35>

// HERMES2:      aimc.target @hermes2 {
// HERMES2:        device = #aimc.device<hermes2, g_min_us = 0.0, g_max_us = 20.7>

// WAN:      aimc.target @reram_wan {
// WAN:        device = #aimc.device<reram_wan, g_min_us = 1.0, g_max_us = 40.0>

// CMO:      aimc.target @reram_cmo {
// CMO:        device = #aimc.device<reram_cmo, g_min_us = 9.0, g_max_us = 88.19>
