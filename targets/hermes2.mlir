// Phase-change memory of the Hermes chip, two devices a polarity, as its 256 x 256 cores have them.
aimc.target @hermes2 {
  geometry = #aimc.geometry<rows = 256, cols = 256, pairs = 1, readout = single>,
  device = #aimc.device<hermes2, g_min_us = 0.0, g_max_us = 20.7>,
  wire = #aimc.wire<column_ohm = 0.35, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 13.0, bits = 12>}
