/*===- spice.h - write a tile read as an ngspice netlist, from C -----*- C -*-===*
 * Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 * Part of libaimc_runtime.so, beside aimc/exec/runtime.h: conductances and wires of a tile come
 * from aimc_tile_array, or from anywhere else. What the netlist holds: aimc/spice/Netlist.h.
 *===----------------------------------------------------------------------===*/
#ifndef AIMC_SPICE_SPICE_H
#define AIMC_SPICE_SPICE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define AIMC_SPICE_API
#else
#define AIMC_SPICE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One crossbar. Arrays are row-major [rows x cols] of the whole array. */
typedef struct aimc_spice_circuit {
  int64_t rows, cols;
  const float *plus, *minus;               /* uS */
  const float *column_factor, *row_factor; /* of each piece of wire; may be NULL */
  double column_ohm, row_ohm, driver_ohm, adc_ohm;
  double read_v, rest_v, off_v, tick_ns;
  int32_t alternating; /* odd columns are read at the first row */
  int32_t open_rows;   /* idle rows are disconnected */
} aimc_spice_circuit;

/* Write the pass in which row i is driven for |ticks[i]| ticks (signed, [rows]) and each ADC
 * integrates over `window` ticks to the file `path`. `note`: a line for the comment at the top, or
 * NULL. Returns 0, or 1 with one line of text in `message` [size]. */
AIMC_SPICE_API int aimc_spice_write(const aimc_spice_circuit *circuit, const double *ticks,
                                    double window, const char *note, const char *path,
                                    char *message, size_t size);

#ifdef __cplusplus
}
#endif
#endif /* AIMC_SPICE_SPICE_H */
