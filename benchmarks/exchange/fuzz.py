"""Damaged files: each has to be read, or refused with a sentence.

python -m benchmarks.exchange.fuzz [COUNT [SEED]]
"""

from __future__ import annotations

import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.exchange.suites import folder
from ndestudio.errors import NdeStudioError
from ndestudio.exchange.model_text import to_config
from ndestudio.exchange.petab.objective import Objective
from ndestudio.exchange.petab.read import read_petab
from ndestudio.exchange.sbml.read import read_sbml

ENDINGS = (".xml", ".yaml", ".tsv", ".hdf5")
WORDS = (
    b"nan",
    b"inf",
    b"-1e999",
    b"&x;",
    b"\x00",
    b"\xff\xfe",
    b"[[[[",
    b"(" * 300,
    b"\t\t\t",
    b"!!python/object:os.system",
    b"<a>" * 600,
    b"9" * 400,
)
SOURCES = (
    "petab_v1/0001",
    "petab_v1/0018",
    "petab_v2/0016",
    "petab_v2/0025",
    "sciml_problems/001/petab",
    "sciml_problems/014/petab",
)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file with a few things wrong: bytes changed, cut, doubled, moved, or words put in."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, kind = rng.randrange(max(len(data), 1)), rng.randrange(6)
        if kind == 0 and data:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.choice((1, 5, 50))]
        elif kind == 2:
            data[at:at] = rng.choice(WORDS)
        elif kind == 3:
            data[at:at] = data[at : at + rng.choice((5, 100))]
        elif kind == 4:
            del data[at:]
        else:
            other = rng.randrange(max(len(data), 1))
            data[at : at + 8] = data[other : other + 8]
    return bytes(data)


def main(count: int, seed: int) -> int:
    root = folder()
    if root is None:
        print("the suites are not here; set NDESTUDIO_SUITES to their folder")
        return 1
    rng, told, broken, slowest = random.Random(seed), Counter(), [], 0.0
    for k in range(count):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name) / "case"
            shutil.copytree(root / rng.choice(SOURCES), work)
            victims = [one for one in sorted(work.iterdir()) if one.suffix in ENDINGS and "solution" not in one.name]
            victim = rng.choice(victims)
            victim.write_bytes(damaged(victim.read_bytes(), rng))
            begin = time.perf_counter()
            try:
                if victim.suffix == ".xml":
                    to_config(read_sbml(victim))
                (problem,) = (
                    one for one in work.glob("*.yaml") if one.name == "problem.yaml" or one.stem.lstrip("_").isdigit()
                )
                Objective(read_petab(problem))
                told[victim.suffix, "read"] += 1
            except NdeStudioError as error:
                assert str(error).strip()
                told[victim.suffix, "sentence"] += 1
            except Exception as error:
                broken.append((k, victim.name, type(error).__name__, str(error)[:160]))
            slowest = max(slowest, time.perf_counter() - begin)
    for kind, number in sorted(told.items()):
        print(*kind, number)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(broken)} of {count} ended otherwise; slowest {slowest:.1f} s; {memory:.0f} MB at most")
    for one in broken[:20]:
        print("   ", *one)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
