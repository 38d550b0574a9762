/*===- runtime.h - open a package, program a chip, run it -----------*- C -*-===*
 * Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 * The whole public surface of libaimc_runtime.so: plain C, opaque handles, status codes. Signature,
 * shapes, tile table and targets of a package are in its manifest (JSON, docs/Contracts.md 4), so
 * a binding needs nothing but this file and a JSON parser.
 *
 * Ownership: what a function hands out through `out` belongs to the caller until the matching
 * close/destroy, text until aimc_text_free. Nothing is printed, no signal handler is touched, the
 * process never exits from here.
 * Handles are never dereferenced by the caller's side of the surface and never repeat. One that is
 * closed is AIMC_INVALID_ARGUMENT in every call, and nothing to close or destroy once more.
 * Threads: any function may be called from any thread at any time. Different sessions and tiles run
 * at the same time; calls on one follow each other. Closing lets a call that another thread is in
 * go on to its end. A package may be closed while sessions made from it live: they keep what they
 * need.
 * fork: a child process uses the sessions and tiles of its parent, with workers of its own. One
 * that another thread was in a call of at the fork is AIMC_INVALID_ARGUMENT there, at once.
 *===----------------------------------------------------------------------===*/
#ifndef AIMC_EXEC_RUNTIME_H
#define AIMC_EXEC_RUNTIME_H

#include <stdint.h>

#if defined(_WIN32)
#define AIMC_API
#else
#define AIMC_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Everything but AIMC_INTERNAL is the caller's or the file's fault; aimc_last_error() says which.
 */
typedef enum aimc_status {
  AIMC_OK = 0,
  AIMC_INVALID_ARGUMENT = 1, /* a name, dtype, shape, value or option that does not fit */
  AIMC_BAD_PACKAGE = 2,      /* missing, truncated, altered or foreign package */
  AIMC_UNSUPPORTED = 3,      /* right package, wrong machine: instruction set, ABI version */
  AIMC_RUN_FAILED = 4,       /* compiled code met an index outside its range */
  AIMC_INTERNAL = 70         /* a defect of this library, or no memory */
} aimc_status;

typedef enum aimc_dtype {
  AIMC_F32 = 0,
  AIMC_I64 = 1,
  AIMC_I32 = 2,
  AIMC_BOOL = 3 /* one byte, 0 or 1 */
} aimc_dtype;

/* A dense row-major array that the caller owns. `name` as in the manifest's entry. */
typedef struct aimc_tensor {
  const char *name;
  int32_t dtype; /* aimc_dtype */
  int32_t rank;
  const int64_t *shape; /* rank numbers; may be NULL for rank 0 */
  void *data;           /* aligned to its element; may be NULL when it has no elements */
} aimc_tensor;

typedef struct aimc_package aimc_package;
typedef struct aimc_session aimc_session;
typedef struct aimc_tile aimc_tile;

/* "aimc-runtime 0.1.0"; static text. */
AIMC_API const char *aimc_runtime_version(void);

/* What went wrong in the last call on this thread that did not return AIMC_OK: one line, never
 * NULL, valid until the next call on the same thread that does not. */
AIMC_API const char *aimc_last_error(void);

/* Frees text that a function handed out through a `char **`; NULL is fine. */
AIMC_API void aimc_text_free(char *text);

/* Open the folder `path`: every field of the manifest, sizes and SHA-256 of every file, the
 * processor's instruction set and the ABI version of the code are checked before code is loaded. */
AIMC_API aimc_status aimc_package_open(const char *path, aimc_package **out);

/* The same with options, one JSON object or NULL: {"verify_hashes": true}. Without hashes a
 * damaged weight goes unnoticed. */
AIMC_API aimc_status aimc_package_open_with(const char *path, const char *options_json,
                                            aimc_package **out);

/* The text of manifest.json. */
AIMC_API aimc_status aimc_package_manifest(aimc_package *package, char **json);

AIMC_API void aimc_package_close(aimc_package *package);

/* Program one chip instance and make it ready to run. `options_json` is one JSON object or NULL;
 * keys and defaults (unknown keys are refused):
 *   seed 0                 chip instance and read noise; the same seed gives the same bits
 *   threads 0              worker threads; 0 = one per processor this process may use.
 *                          Results do not depend on it
 *   ideal false            plain fp32 products instead of tiles
 *   time_s null            seconds since programming; null = no drift
 *   effects {programming, wire, dac, adc, read_noise, variation: true}   switches, for ablation;
 *                          variation: spreads, stuck devices, wire spread, ADC gain and offset
 *   target {}              overrides merged into every target of the package, for example
 *                          {"wire": {"column_ohm": 1.0}}; geometry cannot change
 *   targets {}             the same for one target by name: {"pcm": {"adc": {"bits": 10}}}
 *   compare_ideal false    also run the exact product of every tile read, for the statistics
 *   compensate null        none, gain, weights or weights+pulses in place of what the package says
 *   scale null             max, sigma:<q> or optimal in place of what the package says
 *   drift_compensation "none"   tile or column: digital scales from a noisy read of a calibration
 *                          set right after programming and again at the chip's time
 *   chip null              path of a saved chip: its conductances instead of programming; seed,
 *                          time, overrides and read counters are the chip's where not given here
 *   record false           collect calibration statistics; exact products are passed on
 *   compare_exact 0        run the first n vectors of every call through the exact circuit too */
AIMC_API aimc_status aimc_session_create(aimc_package *package, const char *options_json,
                                         aimc_session **out);

/* Run entry number `entry` of the manifest. Inputs and outputs are matched by name, in any order;
 * all of them must be there. Float inputs must be finite. */
AIMC_API aimc_status aimc_session_run(aimc_session *session, int32_t entry,
                                      const aimc_tensor *inputs, int32_t n_in, aimc_tensor *outputs,
                                      int32_t n_out);

/* Restart the read-noise streams as after aimc_session_create and clear the run statistics. */
AIMC_API aimc_status aimc_session_reset(aimc_session *session);

/* Programming, tiles and per-grid figures as JSON (docs/RuntimeABI.md). */
AIMC_API aimc_status aimc_session_statistics(aimc_session *session, char **json);

/* `warnings` of the statistics alone: an array of lines. Cheap enough to ask after every run. */
AIMC_API aimc_status aimc_session_warnings(aimc_session *session, char **json);

/* The same chip `time_s` seconds after its programming: drift, 1/f noise and, where the session
 * asks for it, drift compensation once more. Read streams and statistics go on. The result depends
 * on `time_s` alone and not on the times before it. */
AIMC_API aimc_status aimc_session_age(aimc_session *session, double time_s);

/* Write the chip instance: programmed conductances, drift exponents, spreads and read counters
 * (docs/Contracts.md 8). The file appears whole or not at all. A session on the same package with
 * option `chip` goes on from here, bit for bit. */
AIMC_API aimc_status aimc_session_save_chip(aimc_session *session, const char *path);

/* Write what a session with option `record` has collected (docs/Contracts.md 7). */
AIMC_API aimc_status aimc_session_save_record(aimc_session *session, const char *path);

AIMC_API void aimc_session_destroy(aimc_session *session);

/*===----------------------------------------------------------------------===*
 * Targets
 *===----------------------------------------------------------------------===*/

/* What a target says, judged, and the whole of it as JSON: what its author left out has the default
 * target's value (docs/Contracts.md 4). NULL or "" as `target_json` is the default target itself.
 * `options_json` is one JSON object or NULL:
 *   label "target"   what opens the message that aimc_last_error() gives
 *   partial true     parts and keys may be left out; false: neutral values alone, as in a manifest
 *   training false   refuse what training has no model of, with AIMC_UNSUPPORTED
 *   folder null      a device may name a `file` in this folder instead of holding its table */
AIMC_API aimc_status aimc_target_read(const char *target_json, const char *options_json,
                                      char **json);

/*===----------------------------------------------------------------------===*
 * One tile without a package
 *===----------------------------------------------------------------------===*
 * `target_json`: a target as aimc_target_read takes it, every part and key optional. What is left
 * out is the default target's, but for the size of the array, which is that of the weights.
 * `options_json` or NULL: `seed`, `time_s`, `effects`, `compensate`, `scale`, `drift_compensation`,
 * `compare_exact` and `threads` as for a session, and
 *   at_row, at_col 0       where the block's first cell lies in the tile; at_row is by default
 *                          where the compiler puts a block that has a tile to itself, next to the
 *                          ADC: its last row in the tile's last; with read-out at both sides 0
 *   chip 0, tile 0         names the tile in random streams: block q.r0.c0 of a package, programmed
 *                          with the same seed, has the same devices
 *   activity null          [rows][32]: how often the magnitude of each input falls into each of 32
 *                          equal bins of the DAC's range, for one_product and compensation
 *   input_range null       DAC full scale; null: the largest magnitude of each vector
 *   compat null            "aihwkit": charges as AIHWKIT's IR-drop simulation gives them
 * Arrays are row-major. */

/* Program `weights` [rows x cols] (inputs x outputs, finite) on one tile. */
AIMC_API aimc_status aimc_tile_create(const char *target_json, const char *options_json,
                                      const float *weights, int64_t rows, int64_t cols,
                                      aimc_tile **out);

/* A tile with exactly these conductances in uS, [pairs x rows x cols] of the whole array, which is
 * also the block: nothing is programmed, scaled or varied. Its weights are what the pairs say with
 * a scale of 1: sum_k f_k (plus - minus) / (sum_k f_k (g_max - g_min)). */
AIMC_API aimc_status aimc_tile_create_pairs(const char *target_json, const char *options_json,
                                            const float *plus, const float *minus, int64_t rows,
                                            int64_t cols, aimc_tile **out);

/* Charge in fC that each column integrates during one pass, [n x pairs x cols], when row i is
 * driven for |ticks[i]| ticks (signed, [n x rows]): the circuit alone, without DAC, noise or ADC.
 * Ticks are whole and at most the longest pulse of the DAC, whatever the fidelity; where the DAC
 * has several passes, that of its longest one, which is also how long an ADC off the rest level
 * (v_off_v) integrates. `fidelity` NULL: the target's; else exact, segments or one_product, where
 * idle = open. */
AIMC_API aimc_status aimc_tile_charges(aimc_tile *tile, const char *fidelity, const double *ticks,
                                       int64_t n, double *charges);

/* y [n x cols] = what the tile gives for x [n x rows] with DAC, noise and ADC: the kernels and
 * streams of a session. Each call goes on in the read-noise stream. */
AIMC_API aimc_status aimc_tile_read(aimc_tile *tile, const float *x, int64_t n, float *y);

/* An array by name, as doubles; `count` must be its number of elements.
 *   target_plus, target_minus          [pairs x rows x cols] of the block, uS, before programming
 *   programmed_plus, programmed_minus  the same, as programmed
 *   plus, minus                        the same, at the tile's time
 *   tile_plus, tile_minus              [pairs x tile rows x tile cols]: all cells, at the time
 *   life_plus, life_minus              the same: what time needs of each device, for most kinds
 *                                      its drift exponent; zero where time changes nothing
 *   weights                            [rows x cols]: what the conductances at the time stand for
 *   transfer                           [pairs x rows x cols] T of each cell (midrail, column wires)
 *   effective                          [pairs x rows x cols] fC per ns of a unit input (midrail)
 *   scale                              [cols] s_j
 *   drift_factor                       [cols] what drift compensation multiplies outputs with; 1
 *                                      where there is none
 *   digital                            [pairs x cols] output per fC and unit of (range / levels)
 *   adc_gain, adc_offset_lsb           [pairs x cols] as drawn, before digital calibration
 *   column_factor, row_factor          [pairs x tile rows x tile cols] wire spread */
AIMC_API aimc_status aimc_tile_array(aimc_tile *tile, const char *name, double *data,
                                     int64_t count);

/* Seconds since programming; see aimc_session_age. */
AIMC_API aimc_status aimc_tile_age(aimc_tile *tile, double time_s);

/* Restart the read-noise stream and clear the statistics. */
AIMC_API aimc_status aimc_tile_reset(aimc_tile *tile);

/* Target in force and figures of reads so far as JSON. */
AIMC_API aimc_status aimc_tile_statistics(aimc_tile *tile, char **json);

/* Its `warnings` alone, as aimc_session_warnings. */
AIMC_API aimc_status aimc_tile_warnings(aimc_tile *tile, char **json);

AIMC_API void aimc_tile_destroy(aimc_tile *tile);

#ifdef __cplusplus
}
#endif
#endif /* AIMC_EXEC_RUNTIME_H */
