// Filamentary ReRAM as measured on NeuRRAM, one second, one day or two days after programming; a run
// at another time is refused.
aimc.target @reram_wan {
  geometry = #aimc.geometry<rows = 256, cols = 256, pairs = 1, readout = single>,
  device = #aimc.device<reram_wan, g_min_us = 1.0, g_max_us = 40.0>,
  wire = #aimc.wire<column_ohm = 0.35, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 48.0, bits = 12>}
