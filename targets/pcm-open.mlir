// The tile of pcm.mlir whose rows disconnect when their pulse ends (1T1R): the circuit changes with
// every pulse, and columns lose less to their wires because fewer cells load them.
aimc.target @pcm_open {
  geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = open>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 16.03, bits = 12>}
