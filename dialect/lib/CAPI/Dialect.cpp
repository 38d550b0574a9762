//===- Dialect.cpp - the aimc dialect from C --------------------*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "aimc-c/Dialect.h"

#include "aimc/IR/AIMC.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace mlir::aimc;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(AIMC, aimc, mlir::aimc::AIMCDialect)

void aimcRegisterDialect(MlirDialectRegistry registry) { registerAIMCDialect(*unwrap(registry)); }

/// Attributes need their dialect in the context; a C caller may not have loaded it yet.
static MLIRContext *prepare(MlirContext context) {
  MLIRContext *ctx = unwrap(context);
  ctx->getOrLoadDialect<AIMCDialect>();
  return ctx;
}

template <typename Attr, typename... Args>
static MlirAttribute getChecked(MLIRContext *context, Args &&...args) {
  auto emit = [&] { return emitError(UnknownLoc::get(context)); };
  return wrap(Attribute(Attr::getChecked(emit, context, std::forward<Args>(args)...)));
}

bool aimcAttributeIsAGeometry(MlirAttribute attr) { return isa<GeometryAttr>(unwrap(attr)); }

MlirAttribute aimcGeometryAttrGet(MlirContext context, int64_t rows, int64_t cols, int64_t pairs,
                                  MlirStringRef readout) {
  MLIRContext *ctx = prepare(context);
  std::optional<Readout> side = symbolizeReadout(unwrap(readout));
  if (!side) {
    emitError(UnknownLoc::get(ctx))
        << "expected one of [single, alternating] for read-out side, but got " << unwrap(readout);
    return {nullptr};
  }
  return getChecked<GeometryAttr>(ctx, rows, cols, pairs, *side, ArrayRef<Real>());
}

int64_t aimcGeometryAttrGetRows(MlirAttribute geometry) {
  return cast<GeometryAttr>(unwrap(geometry)).getRows();
}
int64_t aimcGeometryAttrGetCols(MlirAttribute geometry) {
  return cast<GeometryAttr>(unwrap(geometry)).getCols();
}
int64_t aimcGeometryAttrGetPairs(MlirAttribute geometry) {
  return cast<GeometryAttr>(unwrap(geometry)).getPairs();
}

bool aimcAttributeIsADevice(MlirAttribute attr) { return isa<DeviceAttr>(unwrap(attr)); }

MlirAttribute aimcDeviceAttrGet(MlirContext context, MlirStringRef kind, double gMinUs,
                                double gMaxUs) {
  MLIRContext *ctx = prepare(context);
  std::optional<DeviceKind> device = symbolizeDeviceKind(unwrap(kind));
  if (!device) {
    emitError(UnknownLoc::get(ctx))
        << "expected one of [ideal, pcm, hermes1, hermes2, reram_wan, reram_cmo] for device kind, "
           "but got "
        << unwrap(kind);
    return {nullptr};
  }
  const Real one(1.0), none(0.0), acceptance(2.0);
  return getChecked<DeviceAttr>(ctx, *device, Real(gMinUs), Real(gMaxUs), one, one, one, none, none,
                                none, none, none, none, acceptance, DictionaryAttr(), StringAttr());
}

MlirStringRef aimcDeviceAttrGetKind(MlirAttribute device) {
  return wrap(stringifyDeviceKind(cast<DeviceAttr>(unwrap(device)).getKind()));
}
double aimcDeviceAttrGetGMinUs(MlirAttribute device) {
  return cast<DeviceAttr>(unwrap(device)).getGMinUs();
}
double aimcDeviceAttrGetGMaxUs(MlirAttribute device) {
  return cast<DeviceAttr>(unwrap(device)).getGMaxUs();
}

bool aimcAttributeIsAPlace(MlirAttribute attr) { return isa<PlaceAttr>(unwrap(attr)); }

MlirAttribute aimcPlaceAttrGet(MlirContext context, int64_t chip, int64_t tile, int64_t row,
                               int64_t col) {
  return getChecked<PlaceAttr>(prepare(context), chip, tile, row, col);
}

int64_t aimcPlaceAttrGetChip(MlirAttribute place) {
  return cast<PlaceAttr>(unwrap(place)).getChip();
}
int64_t aimcPlaceAttrGetTile(MlirAttribute place) {
  return cast<PlaceAttr>(unwrap(place)).getTile();
}
int64_t aimcPlaceAttrGetRow(MlirAttribute place) { return cast<PlaceAttr>(unwrap(place)).getRow(); }
int64_t aimcPlaceAttrGetCol(MlirAttribute place) { return cast<PlaceAttr>(unwrap(place)).getCol(); }

bool aimcAttributeIsAnExternal(MlirAttribute attr) { return isa<ExternalAttr>(unwrap(attr)); }

MlirAttribute aimcExternalAttrGet(MlirContext context, MlirStringRef key) {
  return getChecked<ExternalAttr>(prepare(context), unwrap(key));
}

MlirStringRef aimcExternalAttrGetKey(MlirAttribute external) {
  return wrap(cast<ExternalAttr>(unwrap(external)).getKey());
}
