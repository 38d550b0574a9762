// RUN: aimc-opt %s --aimc-share --split-input-file | FileCheck %s
// RUN: aimc-opt %s --aimc-share --split-input-file --remarks-filter=aimc 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// By resource, by content, by content stored the other way, and by key; the first name stays.
// REMARK-DAG: remark: [Passed] aimc-share{{.*}}@same_resource holds the same matrix as @first
// REMARK-DAG: remark: [Passed] aimc-share{{.*}}@copy holds the same matrix as @first
// REMARK-DAG: remark: [Passed] aimc-share{{.*}}@turned holds the same matrix as @first
// REMARK-DAG: remark: [Passed] aimc-share{{.*}}@key_again holds the same matrix as @key
// REMARK-DAG: remark: [Analysis] aimc-share{{.*}}tiles united=0, weights united=4
// CHECK: module
// CHECK-NEXT: aimc.weight @first :
// CHECK-NEXT: aimc.weight @key :
// CHECK-NEXT: aimc.weight @other_layout transposed :
// CHECK-NEXT: aimc.weight @other_sign :
// CHECK-NEXT: aimc.weight @other_key transposed :
// CHECK-NEXT: aimc.weight @unknown :
// CHECK-NEXT: aimc.weight @unknown_too :
// CHECK-LABEL: func.func @main
// CHECK: aimc.linear @first
// CHECK: aimc.linear @first
// CHECK: aimc.linear @first
// CHECK: aimc.linear @other_layout
aimc.weight @first : tensor<2x2xf32> = dense_resource<a>
aimc.weight @same_resource : tensor<2x2xf32> = dense_resource<a>
aimc.weight @copy : tensor<2x2xf32> = dense<[[0.0, 2.0], [3.0, 4.0]]>
aimc.weight @turned transposed : tensor<2x2xf32> = dense<[[0.0, 3.0], [2.0, 4.0]]>
aimc.weight @key : tensor<2x2xf32> = #aimc.external<"k">
aimc.weight @other_layout transposed : tensor<2x2xf32> = dense_resource<a>
aimc.weight @other_sign : tensor<2x2xf32> = dense<[[-0.0, 2.0], [3.0, 4.0]]>
aimc.weight @key_again : tensor<2x2xf32> = #aimc.external<"k">
aimc.weight @other_key transposed : tensor<2x2xf32> = #aimc.external<"k">
aimc.weight @unknown : tensor<2x2xf32>
aimc.weight @unknown_too : tensor<2x2xf32>
func.func @main(%x: tensor<3x2xf32>, %init: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %a = aimc.linear @copy ins(%x : tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %b = aimc.linear @turned ins(%a : tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %c = aimc.linear @same_resource ins(%b : tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %d = aimc.linear @other_layout ins(%c : tensor<3x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %d : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { a: "0x0400000000000000000000400000404000008040" } } #-}

// -----

// Tiles of united weights are united where they are cut alike; replicas at other places stay.
// REMARK: tiles united=2, weights united=1
// CHECK: aimc.weight @w :
// CHECK-NEXT: aimc.tile @w.r0.c0 of @w rows [0, 2] cols [0, 1] on @small at #aimc.place<chip = 0, tile = 7, row = 0, col = 0>
// CHECK-NEXT: aimc.tile @w.r0.c1 of @w rows [0, 2] cols [1, 1] on @small{{$}}
// CHECK-NEXT: aimc.tile @replica of @w rows [0, 2] cols [0, 1] on @small at #aimc.place<chip = 0, tile = 8, row = 0, col = 0>
// CHECK-NOT: aimc.tile
// CHECK-LABEL: func.func @tiles
// CHECK: aimc.mvm @w.r0.c0
// CHECK: aimc.mvm @w.r0.c1
// CHECK: aimc.mvm @replica
aimc.target @small {
  geometry = #aimc.geometry<rows = 4, cols = 4, pairs = 1, readout = single>,
  device = #aimc.device<ideal, g_min_us = 0.1, g_max_us = 25.0>,
  wire = #aimc.wire<column_ohm = 0.0, row_ohm = 0.0, idle = midrail>,
  dac = #aimc.dac<bits = 8, mode = one_pass, v_read_v = 0.2, tick_ns = 1.0>,
  adc = #aimc.adc<ideal>}
aimc.weight @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
aimc.tile @w.r0.c0 of @w rows [0, 2] cols [0, 1] on @small
aimc.tile @w.r0.c1 of @w rows [0, 2] cols [1, 1] on @small
aimc.weight @v : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
aimc.tile @v.r0.c0 of @v rows [0, 2] cols [0, 1] on @small at #aimc.place<chip = 0, tile = 7, row = 0, col = 0>
aimc.tile @v.r0.c1 of @v rows [0, 2] cols [1, 1] on @small
aimc.tile @replica of @v rows [0, 2] cols [0, 1] on @small at #aimc.place<chip = 0, tile = 8, row = 0, col = 0>
func.func @tiles(%x: tensor<3x2xf32>, %init: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %a = aimc.mvm @v.r0.c0 ins(%x : tensor<3x2xf32>) outs(%init : tensor<3x1xf32>) -> tensor<3x1xf32>
  %b = aimc.mvm @v.r0.c1 ins(%x : tensor<3x2xf32>) outs(%a : tensor<3x1xf32>) -> tensor<3x1xf32>
  %c = aimc.mvm @replica ins(%x : tensor<3x2xf32>) outs(%b : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %c : tensor<3x1xf32>
}

// -----

// The name in the model's file stays with the weight that stays; one that has none takes it where
// both are stored alike.
// CHECK: aimc.weight @a : tensor<2x2xf32> {{.*}} {aimc.initializer = "a"}
// CHECK-NOT: aimc.weight @b
// CHECK: aimc.weight @c : tensor<1x2xf32> {{.*}} {aimc.initializer = "d"}
// CHECK: aimc.weight @e : tensor<1x3xf32>
// CHECK-NOT: aimc.initializer
aimc.weight @a : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> {aimc.initializer = "a"}
aimc.weight @b : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> {aimc.initializer = "b"}
aimc.weight @c : tensor<1x2xf32> = dense<[[5.0, 6.0]]>
aimc.weight @d : tensor<1x2xf32> = dense<[[5.0, 6.0]]> {aimc.initializer = "d"}
aimc.weight @e : tensor<1x3xf32> = dense<[[7.0, 8.0, 9.0]]>
aimc.weight @f transposed : tensor<1x3xf32> = dense<[[7.0], [8.0], [9.0]]> {aimc.initializer = "f"}
