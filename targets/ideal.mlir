// Devices without noise, wires without resistance, an ADC without rounding: what remains of the
// circuit is the input's 8-bit code. For separating mapping errors from circuit errors.
aimc.target @ideal {
  geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.0, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
