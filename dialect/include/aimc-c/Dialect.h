/*===- aimc-c/Dialect.h - the aimc dialect from C -----------------*- C -*-===*\
|* Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*===----------------------------------------------------------------------===*|
|* Registration, and attributes without going through text. A getter of an
|* attribute returns the null attribute, and reports why through the context's
|* diagnostics, where a constraint of that attribute does not hold.
|* Strings are owned by the context that the attribute belongs to.
\*===----------------------------------------------------------------------===*/
#ifndef AIMC_C_DIALECT_H
#define AIMC_C_DIALECT_H

#include "mlir-c/IR.h"
#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/** `mlirGetDialectHandle__aimc__()`: the dialect alone. */
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(AIMC, aimc);

/** The dialect and what upstream passes need to work on it (bufferization). */
MLIR_CAPI_EXPORTED void aimcRegisterDialect(MlirDialectRegistry registry);

/** `#aimc.geometry` with pairs that count alike; `readout` is "single" or "alternating". */
MLIR_CAPI_EXPORTED bool aimcAttributeIsAGeometry(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirAttribute aimcGeometryAttrGet(MlirContext context, int64_t rows,
                                                     int64_t cols, int64_t pairs,
                                                     MlirStringRef readout);
MLIR_CAPI_EXPORTED int64_t aimcGeometryAttrGetRows(MlirAttribute geometry);
MLIR_CAPI_EXPORTED int64_t aimcGeometryAttrGetCols(MlirAttribute geometry);
MLIR_CAPI_EXPORTED int64_t aimcGeometryAttrGetPairs(MlirAttribute geometry);

/** `#aimc.device` with everything optional at its neutral value; `kind` is "ideal", "pcm",
   "hermes1", "hermes2", "reram_wan" or "reram_cmo". */
MLIR_CAPI_EXPORTED bool aimcAttributeIsADevice(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirAttribute aimcDeviceAttrGet(MlirContext context, MlirStringRef kind,
                                                   double gMinUs, double gMaxUs);
MLIR_CAPI_EXPORTED MlirStringRef aimcDeviceAttrGetKind(MlirAttribute device);
MLIR_CAPI_EXPORTED double aimcDeviceAttrGetGMinUs(MlirAttribute device);
MLIR_CAPI_EXPORTED double aimcDeviceAttrGetGMaxUs(MlirAttribute device);

/** `#aimc.place`: where a block sits. */
MLIR_CAPI_EXPORTED bool aimcAttributeIsAPlace(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirAttribute aimcPlaceAttrGet(MlirContext context, int64_t chip, int64_t tile,
                                                  int64_t row, int64_t col);
MLIR_CAPI_EXPORTED int64_t aimcPlaceAttrGetChip(MlirAttribute place);
MLIR_CAPI_EXPORTED int64_t aimcPlaceAttrGetTile(MlirAttribute place);
MLIR_CAPI_EXPORTED int64_t aimcPlaceAttrGetRow(MlirAttribute place);
MLIR_CAPI_EXPORTED int64_t aimcPlaceAttrGetCol(MlirAttribute place);

/** `#aimc.external`: a tensor of the package's weights file. */
MLIR_CAPI_EXPORTED bool aimcAttributeIsAnExternal(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirAttribute aimcExternalAttrGet(MlirContext context, MlirStringRef key);
MLIR_CAPI_EXPORTED MlirStringRef aimcExternalAttrGetKey(MlirAttribute external);

#ifdef __cplusplus
}
#endif

#endif /* AIMC_C_DIALECT_H */
