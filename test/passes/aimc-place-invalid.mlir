// RUN: not aimc-opt %s --aimc-place=tiles-per-chip=-1 2>&1 | FileCheck %s

// CHECK: error: expected the option tiles-per-chip to be at least 0, but got -1
module {}
