// RUN: aimc-opt %s --aimc-kernel-trampolines | FileCheck %s

// CHECK-NOT: aimc.weight
// CHECK-LABEL: llvm.func internal @k_run
// CHECK-SAME: (%[[ARGS:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK: %[[ZERO:.*]] = llvm.mlir.constant(0 : i64)
// CHECK: %[[P0:.*]] = llvm.getelementptr %[[ARGS]][%[[ZERO]]] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.ptr
// CHECK: %[[A:.*]] = llvm.load %[[P0]]
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i64)
// CHECK: %[[P1:.*]] = llvm.getelementptr %[[ARGS]][%[[ONE]]]
// CHECK: %[[B:.*]] = llvm.load %[[P1]]
// CHECK: llvm.call @k(%[[A]], %[[B]], %[[BEGIN]], %[[END]])
// CHECK: llvm.func internal @k({{.*}}attributes {{.*}}no_inline
// CHECK-LABEL: llvm.func @other
// CHECK-NOT: other_run
aimc.weight @q : tensor<4x4xf32>
llvm.func @k_run(!llvm.ptr, i64, i64)
llvm.func @k(%a: !llvm.ptr, %b: !llvm.ptr, %begin: i64, %end: i64) attributes {aimc.kernel} {
  llvm.return
}
llvm.func @other(%a: !llvm.ptr) {
  llvm.return
}
