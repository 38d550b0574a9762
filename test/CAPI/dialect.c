/*===- dialect.c - the C API of the dialect, from C ---------------*- C -*-===*\
|* Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*===----------------------------------------------------------------------===*|
|* Builds attributes, reads them back, and prints a module that C made; the
|* text is checked by dialect.test, the values here. Exits 1 on the first
|* value that is wrong.
\*===----------------------------------------------------------------------===*/

#include "aimc-c/Dialect.h"

#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Diagnostics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "line %d: expected %s\n", __LINE__, #condition);                             \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static MlirStringRef text(const char *s) { return mlirStringRefCreateFromCString(s); }

static bool equal(MlirStringRef a, const char *b) { return mlirStringRefEqual(a, text(b)); }

static void print(MlirStringRef part, void *file) { fwrite(part.data, 1, part.length, file); }

static void show(MlirAttribute attr) {
  mlirAttributePrint(attr, print, stdout);
  printf("\n");
}

static MlirLogicalResult report(MlirDiagnostic diagnostic, void *count) {
  ++*(int *)count;
  printf("refused: ");
  mlirDiagnosticPrint(diagnostic, print, stdout);
  printf("\n");
  return mlirLogicalResultSuccess();
}

static void testAttributes(MlirContext context) {
  MlirAttribute geometry = aimcGeometryAttrGet(context, 256, 128, 1, text("alternating"));
  EXPECT(aimcAttributeIsAGeometry(geometry) && !aimcAttributeIsADevice(geometry));
  EXPECT(aimcGeometryAttrGetRows(geometry) == 256);
  EXPECT(aimcGeometryAttrGetCols(geometry) == 128);
  EXPECT(aimcGeometryAttrGetPairs(geometry) == 1);
  show(geometry);

  MlirAttribute device = aimcDeviceAttrGet(context, text("pcm"), 0.1, 25.0);
  EXPECT(aimcAttributeIsADevice(device) && !aimcAttributeIsAPlace(device));
  EXPECT(equal(aimcDeviceAttrGetKind(device), "pcm"));
  EXPECT(aimcDeviceAttrGetGMinUs(device) == 0.1);
  EXPECT(aimcDeviceAttrGetGMaxUs(device) == 25.0);
  show(device);

  MlirAttribute place = aimcPlaceAttrGet(context, 1, 2, 3, 4);
  EXPECT(aimcAttributeIsAPlace(place) && !aimcAttributeIsAnExternal(place));
  EXPECT(aimcPlaceAttrGetChip(place) == 1 && aimcPlaceAttrGetTile(place) == 2);
  EXPECT(aimcPlaceAttrGetRow(place) == 3 && aimcPlaceAttrGetCol(place) == 4);
  show(place);

  MlirAttribute external = aimcExternalAttrGet(context, text("encoder.0.query"));
  EXPECT(aimcAttributeIsAnExternal(external) && !aimcAttributeIsAGeometry(external));
  EXPECT(equal(aimcExternalAttrGetKey(external), "encoder.0.query"));
  show(external);

  /* The attribute from text and the one from C are one. */
  MlirAttribute parsed =
      mlirAttributeParseGet(context, text("#aimc.place<chip = 1, tile = 2, row = 3, col = 4>"));
  EXPECT(mlirAttributeEqual(parsed, place));
}

static void testRefusals(MlirContext context) {
  int errors = 0;
  MlirDiagnosticHandlerID handler =
      mlirContextAttachDiagnosticHandler(context, report, &errors, NULL);
  EXPECT(mlirAttributeIsNull(aimcGeometryAttrGet(context, 0, 128, 1, text("single"))));
  EXPECT(mlirAttributeIsNull(aimcGeometryAttrGet(context, 1, 128, 1, text("both"))));
  EXPECT(mlirAttributeIsNull(aimcDeviceAttrGet(context, text("flash"), 0.1, 25.0)));
  EXPECT(mlirAttributeIsNull(aimcDeviceAttrGet(context, text("pcm"), 25.0, 0.1)));
  EXPECT(mlirAttributeIsNull(aimcPlaceAttrGet(context, -1, 0, 0, 0)));
  EXPECT(mlirAttributeIsNull(aimcExternalAttrGet(context, text(""))));
  EXPECT(errors == 6);
  mlirContextDetachDiagnosticHandler(context, handler);
}

static void testModule(MlirContext context) {
  MlirModule module = mlirModuleCreateEmpty(mlirLocationUnknownGet(context));
  MlirType f32 = mlirF32TypeGet(context);
  int64_t shape[2] = {8, 4};
  MlirType type = mlirRankedTensorTypeGet(2, shape, f32, mlirAttributeGetNull());
  MlirNamedAttribute attributes[3] = {
      mlirNamedAttributeGet(mlirIdentifierGet(context, text("sym_name")),
                            mlirStringAttrGet(context, text("query"))),
      mlirNamedAttributeGet(mlirIdentifierGet(context, text("type")), mlirTypeAttrGet(type)),
      mlirNamedAttributeGet(mlirIdentifierGet(context, text("value")),
                            aimcExternalAttrGet(context, text("encoder.0.query")))};
  MlirOperationState state =
      mlirOperationStateGet(text("aimc.weight"), mlirLocationUnknownGet(context));
  mlirOperationStateAddAttributes(&state, 3, attributes);
  mlirBlockAppendOwnedOperation(mlirModuleGetBody(module), mlirOperationCreate(&state));
  EXPECT(mlirOperationVerify(mlirModuleGetOperation(module)));
  mlirOperationPrint(mlirModuleGetOperation(module), print, stdout);
  printf("\n");
  mlirModuleDestroy(module);
}

int main(void) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  aimcRegisterDialect(registry);
  MlirContext context = mlirContextCreate();
  mlirContextAppendDialectRegistry(context, registry);
  mlirDialectRegistryDestroy(registry);
  MlirDialectHandle handle = mlirGetDialectHandle__aimc__();
  EXPECT(equal(mlirDialectHandleGetNamespace(handle), "aimc"));
  EXPECT(!mlirDialectIsNull(mlirDialectHandleLoadDialect(handle, context)));
  testAttributes(context);
  testRefusals(context);
  testModule(context);
  mlirContextDestroy(context);
  return 0;
}
