// RUN: echo "module {}" | aimc-opt --aimc-tune='scale=sigma:2 percentile=auto compensate=gain report=false' --dump-pass-pipeline 2>&1 | FileCheck %s

// What is programmed is settled before what is measured, and both before what makes up for wires.
// CHECK: aimc-scale{compensated=true rule=sigma:2}
// CHECK: aimc-calibrate{{.*}}percentile=auto
// CHECK: aimc-compensate{mode=gain report=false}
