// The tile of pcm.mlir with inputs in two passes of at most 7 and 15 ticks instead of one of 127: six
// times faster, two conversions, and pulses so short that read noise is larger. Its ADC counts finer
// steps, since a pass collects an eighth of the charge.
aimc.target @pcm_split {
  geometry = #aimc.geometry<rows = 512, cols = 512, pairs = 1, readout = single>,
  device = #aimc.device<pcm, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.15, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = split, v_read_v = 0.2, tick_ns = 1.0, lsb_bits = 3>,
  adc = #aimc.adc<linear, lsb_fc = 2.0, bits = 12>}
