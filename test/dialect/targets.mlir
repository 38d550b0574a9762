// Every preset verifies, and prints as one target.
// RUN: aimc-opt %targets/pcm.mlir | FileCheck %s --check-prefix=PCM
// RUN: aimc-opt %targets/pcm-256.mlir | FileCheck %s --check-prefix=PCM256
// RUN: aimc-opt %targets/ideal.mlir | FileCheck %s --check-prefix=IDEAL
// RUN: ls %targets/*.mlir | count 3

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
