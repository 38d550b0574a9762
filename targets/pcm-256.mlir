// Phase-change memory on small tiles with a linear ADC: half the rows, so half the wire, and more row
// blocks to add up digitally. The ADC's full scale, 2047 codes of 30 fC, is about 38% of the largest
// charge that a column of 256 cells can deliver.
aimc.target @pcm_256 {
  geometry = #aimc.geometry<rows = 256, cols = 256, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.35, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 30.0, bits = 12>}
