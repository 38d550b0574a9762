/*===- road.c - one product by a session and by a tile, in plain C
 *--------------------------------*\ Part of the AIMC project, under the Apache License v2.0 with
 *LLVM Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *===----------------------------------------------------------------------===*
 * road PACKAGE SESSION TARGET TILE VECTORS ROWS COLS WEIGHT X Y: options and target as JSON, arrays
 * as float32 files. Writes what a session on the package gives for x and then what a tile with the
 * whole weight gives, zeros where TILE is "". Nothing but the installed header and library is used.
 */
#include "aimc/exec/runtime.h"

#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what) {
  fprintf(stderr, "road: %s: %s\n", what, aimc_last_error());
  return 1;
}

static float *readFloats(const char *path, size_t count) {
  FILE *file = fopen(path, "rb");
  float *data = malloc(count * sizeof(float));
  if (!file || !data || fread(data, sizeof(float), count, file) != count) {
    fprintf(stderr, "road: %s: expected %zu floats\n", path, count);
    exit(1);
  }
  fclose(file);
  return data;
}

int main(int argc, char **argv) {
  if (argc != 11)
    return 2;
  const int64_t vectors = atoll(argv[5]), rows = atoll(argv[6]), cols = atoll(argv[7]);
  const int64_t inShape[] = {vectors, rows}, outShape[] = {vectors, cols};
  const size_t outputs = (size_t)(vectors * cols);
  float *weight = readFloats(argv[8], (size_t)(rows * cols));
  float *x = readFloats(argv[9], (size_t)(vectors * rows));
  float *y = calloc(2 * outputs, sizeof(float));
  aimc_package *package;
  aimc_session *session;
  aimc_tile *tile;
  if (!y || aimc_package_open(argv[1], &package) != AIMC_OK)
    return failed("package");
  if (aimc_session_create(package, argv[2], &session) != AIMC_OK)
    return failed("session");
  aimc_package_close(package);
  aimc_tensor in = {"x", AIMC_F32, 2, inShape, x}, out = {"y", AIMC_F32, 2, outShape, y};
  if (aimc_session_run(session, 0, &in, 1, &out, 1) != AIMC_OK)
    return failed("run");
  aimc_session_destroy(session);
  if (argv[4][0] != '\0') {
    if (aimc_tile_create(argv[3], argv[4], weight, rows, cols, &tile) != AIMC_OK)
      return failed("tile");
    if (aimc_tile_read(tile, x, vectors, y + outputs) != AIMC_OK)
      return failed("read");
    aimc_tile_destroy(tile);
  }
  FILE *file = fopen(argv[10], "wb");
  if (!file || fwrite(y, sizeof(float), 2 * outputs, file) != 2 * outputs || fclose(file) != 0) {
    fprintf(stderr, "road: cannot write %s\n", argv[10]);
    return 1;
  }
  free(weight);
  free(x);
  free(y);
  return 0;
}
