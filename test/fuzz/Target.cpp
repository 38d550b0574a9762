//===- Target.cpp - targets as people write them --------------------------===//
// Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include "aimc/exec/TargetFile.h"
#include "aimc/files/Json.h"

#include <nlohmann/json.hpp>

using namespace aimc::exec;
using namespace aimc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto given = aimc::files::parseJson(textOf(data, size));
  if (!given) {
    requireLine(given.error());
    return 0;
  }
  TargetSource source;
  source.name = "fuzz";
  for (const auto &[partial, training] : {std::pair{true, true}, {true, false}, {false, false}}) {
    source.partial = partial;
    source.training = training;
    const auto whole = wholeTarget(*given, source);
    if (!whole) {
      requireLine(whole.error().message);
      continue;
    }
    requireLine(summaryOf(whole->target));
    // What says all of a target says the same when it is read again.
    source.partial = false;
    const auto again = wholeTarget(whole->text, source);
    require(again && again->text == whole->text, "expected the same target from its whole text");
    require(summaryOf(again->target) == summaryOf(whole->target), "expected the same summary");
  }
  return 0;
}
