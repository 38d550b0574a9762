// ReRAM of a conductive metal oxide on HfOx, programmed until it is within 2% of its target. Its large
// conductances make it the device that needs the best wires.
aimc.target @reram_cmo {
  geometry = #aimc.geometry<rows = 256, cols = 256, pairs = 1, readout = single>,
  device = #aimc.device<reram_cmo, g_min_us = 9.0, g_max_us = 88.19>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<linear, lsb_fc = 96.0, bits = 12>}
