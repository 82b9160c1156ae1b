"""Counts for each suite, and what is wrong with the cases that fail."""

from __future__ import annotations

import sys
import time

from benchmarks.exchange.suites import SUITES, folder
from ndestudio.errors import NdeStudioError


def main(names: list[str]) -> int:
    if folder() is None:
        print("the suites are not here; set NDESTUDIO_SUITES to their folder")
        return 1
    begin, missed = time.perf_counter(), 0
    for name in names or list(SUITES):
        listed, check = SUITES[name]
        cases, good, start = listed(), 0, time.perf_counter()
        for case in cases:
            try:
                wrong = list(check(case))
            except NdeStudioError as error:
                wrong = [str(error)]
            good += not wrong
            for one in wrong[:3]:
                print(f"    {name} {getattr(case, 'name', '')}: {one}")
        missed += len(cases) - good
        print(f"{name:22} {good:3} of {len(cases):3}  {time.perf_counter() - start:6.1f} s", flush=True)
    print(f"{'all':22} {missed} missed  {time.perf_counter() - begin:6.1f} s")
    return 0 if missed <= 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
