//===- AgeingTest.cpp - can time do anything to a device? -*- C++ -*-===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What the predicate says is held against conductances: devices age where a month moves one.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/Ageing.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

using namespace aimc::model;

namespace {

DeviceModel device(DeviceKind kind, double programming, double read, double drift) {
  DeviceModel m;
  m.kind = kind;
  m.range = {1, kind == DeviceKind::Hermes1 ? 10.0 : 20.0};
  m.programmingScale = programming;
  m.readScale = read;
  m.driftScale = drift;
  return m;
}

/// Whether time moves any of some conductances.
bool moves(const DeviceModel &m) {
  constexpr double kLater = 172800;
  for (float target : {1.5f, 5.0f, 9.0f})
    for (float xi : {-1.5f, 0.4f, 1.0f}) {
      float programmed = target, life = 0, now = 0;
      programRow(m, &programmed, &xi, 1);
      lifeRow(m, &target, &programmed, &xi, 1, &life);
      driftRow(m, &programmed, &life, &xi, 1, kLater, &now);
      lowFrequencyRow(m, &programmed, &xi, 1, kLater, &now);
      if (now != programmed)
        return true;
    }
  return false;
}

TEST(Ageing, DevicesAgeWhereTimeMovesThem) {
  int ageing = 0;
  for (DeviceKind kind : {DeviceKind::Ideal, DeviceKind::Pcm, DeviceKind::Hermes1,
                          DeviceKind::Hermes2, DeviceKind::ReramWan, DeviceKind::ReramCmo})
    for (int scales = 0; scales < 8; ++scales) {
      const DeviceModel m = device(kind, scales & 1, scales >> 1 & 1, scales >> 2 & 1);
      EXPECT_EQ(ages(m), moves(m)) << int(kind) << " " << scales;
      EXPECT_EQ(ageingWithoutEffect(std::vector{m}, {true, false}).has_value(), !moves(m));
      ageing += moves(m);
    }
  EXPECT_GT(ageing, 10);
}

TEST(Ageing, OneLineNamesWhatWasAskedForAndWhy) {
  const DeviceModel ideal = device(DeviceKind::Ideal, 1, 1, 1);
  const DeviceModel still = device(DeviceKind::Pcm, 1, 0, 0),
                    pcm = device(DeviceKind::Pcm, 1, 1, 1);
  EXPECT_EQ(*ageingWithoutEffect(std::vector{ideal, ideal}, {true, true}),
            "a time since programming and drift compensation have no effect: devices of kind ideal "
            "do not age");
  EXPECT_EQ(*ageingWithoutEffect(std::vector{ideal, still}, {false, true}),
            "drift compensation has no effect: devices of kind ideal do not age; drift and read "
            "noise of the devices are off");
  DeviceModel table = device(DeviceKind::Table, 1, 1, 1);
  table.table = std::make_shared<DeviceTable>();
  EXPECT_EQ(*ageingWithoutEffect(std::vector{table}, {true, false}),
            "a time since programming has no effect: the device table has no drift, no later times "
            "and no low-frequency noise");
  // one device that ages is enough, and what nobody asked for is no one's matter
  EXPECT_FALSE(ageingWithoutEffect(std::vector{ideal, pcm}, {true, true}));
  EXPECT_FALSE(ageingWithoutEffect(std::vector{ideal}, {}));
  EXPECT_FALSE(ageingWithoutEffect({}, {true, true}));
}

} // namespace
