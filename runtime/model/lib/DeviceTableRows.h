//===- DeviceTableRows.h - rows of devices given by tables -----*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What Device.cpp does for kind Table. Laws are evaluated at the target of each device; between
// two times of the table, where it allows that, mean and deviation are linear in log(time).
//
//===----------------------------------------------------------------------===//
#pragma once

#include "aimc/model/Device.h"

namespace aimc::model {

/// Conductances that the device is characterised for and all curves cover.
DeviceRange tableRange(const DeviceTable &table);
/// "expected a time of ..." where `seconds` is not covered.
std::optional<std::string> tableTimes(const DeviceTable &table, double seconds);
/// Root mean square deviation from target g after programming.
double tableSigma(const DeviceTable &table, double scale, double g);

/// Targets in, conductances `seconds` after programming out.
void tableProgramRow(const DeviceTable &table, double seconds, float scale, const float *xi,
                     int64_t n, float *g);
void tableExponentRow(const DeviceTable &table, float scale, const float *programmed,
                      const float *xi, int64_t n, float *exponent);
/// Q of the low-frequency noise.
void tableReadRow(const DeviceTable &table, const float *programmed, int64_t n, float *q);

/// Kind ReramWan: from targets to the conductances of one of its times.
void deviateWan(const DeviceModel &model, double seconds, float *g, const float *xi, int64_t n);

} // namespace aimc::model
