// Phase-change memory of the Hermes chip, one device a polarity: half the conductance of hermes2.mlir
// and relatively larger programming error. Read for 512 ns at its own noise, no noise at nanoseconds.
aimc.target @hermes1 {
  geometry = #aimc.geometry<rows = 256, cols = 256, pairs = 1, readout = single>,
  device = #aimc.device<hermes1, g_min_us = 0.0, g_max_us = 10.35>,
  wire = #aimc.wire<column_ohm = 0.35, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 6.5, bits = 12>}
