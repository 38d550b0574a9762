// RUN: aimc-opt %s --aimc-set-target --aimc-set-target=target=pcm-256 --aimc-partition=target=pcm_256 --remarks-filter=aimc 2>&1 | FileCheck %s --check-prefix=NAMED
// RUN: aimc-opt %s --aimc-partition --remarks-filter=aimc 2>&1 | FileCheck %s --check-prefix=DEFAULT

// NAMED: aimc-partition{{.*}}mvm=4, tiles=4, weights=1
// NAMED-COUNT-4: aimc.tile {{.*}} on @pcm_256
// DEFAULT: aimc-partition{{.*}}mvm=1, tiles=1, weights=1
// DEFAULT: aimc.target @pcm
// DEFAULT: aimc.tile @w.r0.c0 of @w rows [0, 512] cols [0, 512] on @pcm
aimc.weight @w : tensor<512x512xf32>
func.func @main(%x: tensor<2x512xf32>, %init: tensor<2x512xf32>) -> tensor<2x512xf32> {
  %y = aimc.linear @w ins(%x : tensor<2x512xf32>) outs(%init : tensor<2x512xf32>) -> tensor<2x512xf32>
  return %y : tensor<2x512xf32>
}
