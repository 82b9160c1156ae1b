"""Makes many files, reads them and counts: ``python -m tests.data.dialects 10000 [first seed]``.

``show SEED`` writes the file of one seed to the output, and what was made of it. Ends with 1 if a file was read wrong in
silence, or its reading broke off without a sentence.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.data.dialects.files import make
from tests.data.dialects.judge import Verdict, judged


def show(seed: int) -> None:
    made = make(seed)
    encoding = "utf-16" if made.content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    print(made.content.decode(encoding, errors="replace"))
    with tempfile.TemporaryDirectory() as folder:
        print(made.families, "open" if made.open else "", judged(made, Path(folder)))


def count(number: int, first: int) -> bool:
    """Counts by family; whether nothing was wrong in silence."""
    outcomes: Counter[str] = Counter()
    families: dict[str, Counter[str]] = {}
    faults: list[tuple[int, Verdict]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + number):
            made = make(seed)
            verdict = judged(made, Path(folder))
            plain = verdict.outcome if not made.open else f"{verdict.outcome} (open)"
            outcomes[plain] += 1
            for family in made.families:
                families.setdefault(family, Counter())[plain] += 1
            if verdict.outcome in ("wrong", "crash") or ("-v" in sys.argv and plain in ("asked", "refused", "said")):
                faults.append((seed, verdict))
    for seed, verdict in faults:
        print(seed, verdict.outcome, verdict.why[:300])
    for family in sorted(families):
        one = families[family]
        plainly = sum(one[name] for name in ("right", "asked", "refused", "said", "wrong", "crash"))
        needless = one["asked"] + one["refused"]
        print(f"{family:28} {one.total():6} tables, {needless:5} of {plainly:6} unambiguous ones not read at once, "
              f"{one['wrong'] + one['wrong (open)']} wrong")  # fmt: skip
    print(dict(outcomes))
    return not any(verdict.outcome in ("wrong", "crash") for _, verdict in faults)


if __name__ == "__main__":
    if sys.argv[1] == "show":
        show(int(sys.argv[2]))
    else:
        numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
        sys.exit(0 if count(numbers[0], numbers[1] if len(numbers) > 1 else 0) else 1)
