// Phase-change memory, 512 x 512 cells, one differential pair per weight. An input is one pulse of up
// to 127 ticks; columns are read by current-controlled oscillators that count.
aimc.target @pcm {
  geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<cco, lsb_fc = 16.03, bits = 12>}
