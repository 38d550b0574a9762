/*===- runtime.h - open a package, program a chip, run it -----------*- C -*-===*
 * Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 * The whole public surface of libaimc_runtime.so: plain C, opaque handles, status codes. Signature,
 * shapes, tile table and targets of a package are in its manifest (JSON, docs/Contracts.md 4), so
 * a binding needs nothing but this file and a JSON parser.
 *
 * Ownership: what a function hands out through `out` belongs to the caller until the matching
 * close/destroy. Strings returned belong to the object named in the comment. Nothing is printed,
 * no signal handler is touched, the process never exits from here.
 * Threads: different sessions may run at the same time; calls on one session are serialised.
 * A package may be closed while sessions made from it live: they keep what they need.
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

/* "aimc-runtime 0.1.0"; static text. */
AIMC_API const char *aimc_runtime_version(void);

/* What went wrong in the last call on this thread that did not return AIMC_OK: one line, never
 * NULL, valid until the next call into this library on the same thread. */
AIMC_API const char *aimc_last_error(void);

/* Open the folder `path`: every field of the manifest, sizes and SHA-256 of every file, the
 * processor's instruction set and the ABI version of the code are checked before code is loaded. */
AIMC_API aimc_status aimc_package_open(const char *path, aimc_package **out);

/* The same with options, one JSON object or NULL: {"verify_hashes": true}. Without hashes a
 * damaged weight goes unnoticed. */
AIMC_API aimc_status aimc_package_open_with(const char *path, const char *options_json,
                                            aimc_package **out);

/* The text of manifest.json; belongs to the package. */
AIMC_API const char *aimc_package_manifest(const aimc_package *package);

AIMC_API void aimc_package_close(aimc_package *package);

/* Program one chip instance and make it ready to run. `options_json` is one JSON object or NULL;
 * keys and defaults (unknown keys are refused):
 *   seed 0                 chip instance and read noise; the same seed gives the same bits
 *   threads 0              worker threads; 0 = one per processor this process may use.
 *                          Results do not depend on it
 *   ideal false            plain fp32 products instead of tiles
 *   time_s null            seconds since programming; null = no drift
 *   effects {programming, wire, dac, adc, read_noise: true}     switches, for ablation
 *   target {}              overrides merged into every target of the package, for example
 *                          {"wire": {"column_ohm": 1.0}}; geometry cannot change
 *   targets {}             the same for one target by name: {"pcm": {"adc": {"bits": 10}}}
 *   compare_ideal false    also run the exact product of every tile read, for the statistics */
AIMC_API aimc_status aimc_session_create(aimc_package *package, const char *options_json,
                                         aimc_session **out);

/* Run entry number `entry` of the manifest. Inputs and outputs are matched by name, in any order;
 * all of them must be there. Float inputs must be finite. */
AIMC_API aimc_status aimc_session_run(aimc_session *session, int32_t entry,
                                      const aimc_tensor *inputs, int32_t n_in, aimc_tensor *outputs,
                                      int32_t n_out);

/* Restart the read-noise streams as after aimc_session_create and clear the run statistics. */
AIMC_API aimc_status aimc_session_reset(aimc_session *session);

/* Programming, tiles and per-grid figures as JSON (docs/RuntimeABI.md). The text belongs to the
 * session and lives until the next call of this function on it. */
AIMC_API aimc_status aimc_session_statistics(aimc_session *session, const char **json);

AIMC_API void aimc_session_destroy(aimc_session *session);

#ifdef __cplusplus
}
#endif
#endif /* AIMC_EXEC_RUNTIME_H */
