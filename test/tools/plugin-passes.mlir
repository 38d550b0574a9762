// REQUIRES: plugin, passes, no-sanitizer
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(aimc-legalize-linear,aimc-partition{target-file=%targets/pcm.mlir},aimc-share,aimc-place,aimc-group)' \
// RUN:   | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(aimc-map{target-file=%targets/pcm.mlir})' | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --help \
// RUN:   | FileCheck %s --check-prefix=HELP

// The distribution's own mlir-opt puts a product of 600 x 300 onto two tiles of 512 rows, pass by pass
// and as the named pipeline.

// HELP-DAG: --aimc-partition
// HELP-DAG: --aimc-lower-to-runtime
// HELP-DAG: --aimc-map

// CHECK: aimc.target @pcm
// CHECK: aimc.weight @[[W:[^ ]*]] : tensor<600x300xf32>
// CHECK: aimc.tile @[[A:[^ ]*]] of @[[W]] rows [0, 512] cols [0, 300] on @pcm at #aimc.place<chip = 0, tile = [[T:[0-9]+]],
// CHECK-NOT: tile = [[T]],
// CHECK: aimc.tile @[[B:[^ ]*]] of @[[W]] rows [512, 88] cols [0, 300] on @pcm at #aimc.place<chip = 0, tile =
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:[^:]*]]: tensor<16x600xf32>
// CHECK: %[[Y:.*]] = aimc.grid weights [@{{.*}}] tiles [@{{.*}}.r0.c0, @{{.*}}.r1.c0] ins(%[[X]] : tensor<16x600xf32>)
// CHECK: return %[[Y]]
func.func @f(%x: tensor<16x600xf32>) -> tensor<16x300xf32> {
  %w = arith.constant dense<0.5> : tensor<600x300xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x300xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<16x300xf32>) -> tensor<16x300xf32>
  %y = linalg.matmul ins(%x, %w : tensor<16x600xf32>, tensor<600x300xf32>) outs(%i : tensor<16x300xf32>) -> tensor<16x300xf32>
  return %y : tensor<16x300xf32>
}
