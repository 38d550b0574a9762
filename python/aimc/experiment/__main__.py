# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m aimc.experiment`: run what is missing, then write the page from what is there."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

from aimc.experiment import jobs, plan, report
from aimc.experiment.settings import FULL, SMOKE
from aimc.experiment.store import Store


def main() -> int:
    """Run the experiment, or the part of it that has no result yet."""
    parser = argparse.ArgumentParser(prog="aimc.experiment", description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of results")
    parser.add_argument("--page", type=pathlib.Path, required=True, help="Markdown file to write")
    parser.add_argument("--smoke", action="store_true", help="a small model, in minutes")
    parser.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes side by side"
    )
    parser.add_argument(
        "--report-only", action="store_true", help="write the page from what is there"
    )
    args = parser.parse_args()
    settings = SMOKE if args.smoke else FULL
    store = Store(args.output)
    if not args.report_only:
        jobs.run(args.output, settings, plan.first(settings), args.jobs)
        found = plan.choices(store, settings)
        assert found is not None  # they have just been made
        jobs.run(args.output, settings, plan.second(settings, found), args.jobs)
    report.write(store, settings, args.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
