//===- WithoutEffectTest.cpp - options that can do nothing ----------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// That the reasons are true is held against outputs in test/integration and test/torch.
//
//===----------------------------------------------------------------------===//
#include "aimc/model/WithoutEffect.h"

#include <gtest/gtest.h>

using namespace aimc::model;

namespace {

using Lines = std::vector<std::string>;

Lines linesOf(std::vector<Asked> asked, std::vector<InForce> targets) {
  return withoutEffect(asked, targets);
}

TEST(WithoutEffect, OneTargetOnWhichAnOptionDoesSomethingIsEnough) {
  InForce bare, wired;
  wired.ohm = 1;
  const Asked wires{"--compensate", Option::Compensate};
  EXPECT_EQ(linesOf({wires}, {bare}),
            Lines{"--compensate has no effect: no target has wires with resistance"});
  EXPECT_EQ(linesOf({wires}, {bare, wired}), Lines{});
  EXPECT_EQ(linesOf({wires}, {}), Lines{});
  EXPECT_EQ(linesOf({}, {bare}), Lines{});
}

TEST(WithoutEffect, ReasonsOfSeveralTargetsAreNamedOnce) {
  InForce off, bare;
  off.ohm = 1;
  off.wire = false;
  EXPECT_EQ(linesOf({{"w", Option::Wire}}, {off, bare, off}),
            Lines{"w has no effect: the effect wire is off; no target has wires with resistance"});
}

TEST(WithoutEffect, AConverterThatIsOffHasNoRange) {
  InForce off;
  off.converter = true;
  const std::vector<Asked> asked{{"a", Option::Adc}, {"c", Option::RangeCalibration}};
  EXPECT_EQ(linesOf(asked, {off}), Lines{});
  off.adc = false;
  EXPECT_EQ(linesOf(asked, {off}),
            (Lines{"a has no effect: the effect adc is off",
                   "c has no effect: the effect adc is off, and no input range is asked for"}));
  off.ranged = true;
  EXPECT_EQ(linesOf(asked, {off}).size(), 1u);
}

TEST(WithoutEffect, ARuleIsNothingWhereASpecHasAllScales) {
  InForce given;
  given.ruled = false;
  const std::vector<Asked> asked{{"--scale", Option::Scale}};
  EXPECT_EQ(linesOf(asked, {given}), Lines{"--scale has no effect: the spec has all scales"});
  EXPECT_EQ(linesOf(asked, {given, InForce()}), Lines{});
}

TEST(WithoutEffect, ARangeWithoutADacIsHowLongPulsesLast) {
  InForce off;
  off.dac = false;
  const std::vector<Asked> asked{{"r", Option::InputRange}};
  EXPECT_EQ(linesOf(asked, {InForce()}), Lines{});
  EXPECT_EQ(linesOf(asked, {off}).size(), 1u);
  for (bool InForce::*part : {&InForce::open, &InForce::converter, &InForce::offset}) {
    InForce t = off;
    t.*part = true;
    EXPECT_EQ(linesOf(asked, {t}), Lines{});
  }
}

TEST(WithoutEffect, WhatDoesAnotherValuesWorkIsSaidSo) {
  InForce midrail, open;
  midrail.ohm = open.ohm = 1;
  open.open = true;
  const Asked pulses{"compensate", Option::CompensateByPulses};
  EXPECT_EQ(linesOf({pulses}, {midrail}),
            Lines{"compensate: weights+pulses does what weights does where idle rows are at "
                  "mid-rail"});
  EXPECT_EQ(linesOf({pulses}, {midrail, open}), Lines{});
}

TEST(WithoutEffect, TimeIsToldLastAndInOneLine) {
  InForce ideal;
  const std::vector<Asked> asked{
      {"t", Option::Time}, {"d", Option::DriftCompensation}, {"r", Option::ReadNoise}};
  EXPECT_EQ(linesOf(asked, {ideal}),
            (Lines{"r has no effect: reads of no device here are noisy",
                   "a time since programming and drift compensation have no effect: devices of "
                   "kind ideal do not age"}));
}

TEST(WithoutEffect, DriftNeedsATime) {
  InForce pcm;
  pcm.device.kind = DeviceKind::Pcm;
  pcm.timed = false;
  EXPECT_EQ(linesOf({{"d", Option::DriftCompensation}, {"s", Option::Drift}}, {pcm}),
            (Lines{"s has no effect: nothing drifts without a time since programming",
                   "drift compensation has no effect without a time since programming"}));
  pcm.timed = true;
  EXPECT_EQ(linesOf({{"d", Option::DriftCompensation}, {"s", Option::Drift}}, {pcm}), Lines{});
}

TEST(WithoutEffect, DataChooseWhatThereIs) {
  InForce ideal, open, converter, ranged;
  open.open = converter.converter = ranged.ranged = true;
  open.ohm = 1;
  const Asked all{"c", Option::Calibration}, ranges{"c", Option::RangeCalibration};
  for (const InForce &t : {open, converter, ranged})
    EXPECT_EQ(linesOf({all}, {t}), Lines{});
  EXPECT_EQ(linesOf({all}, {ideal}).size(), 1u);
  EXPECT_EQ(linesOf({ranges}, {open}).size(), 1u); // which rows conduct is not chosen there
}

TEST(WithoutEffect, EveryOptionHasOneName) {
  for (int i = 0; i <= int(Option::DriftCompensation); ++i) {
    int named = 0;
    for (const char *name :
         {"compensate", "compensate_by_pulses", "fidelity", "activity", "programming", "wire",
          "adc", "read_noise", "drift", "variation", "calibration", "range_calibration", "refresh",
          "chips", "time", "drift_compensation", "input_range", "scale"})
      named += optionNamed(name) == Option(i);
    EXPECT_EQ(named, 1) << i;
  }
  EXPECT_FALSE(optionNamed("none of them"));
}

} // namespace
