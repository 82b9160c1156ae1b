"""Builds the interpreter of FMUs for every platform with the C compiler of `ziglang`: python tools/fmu_binaries.py [FOLDER]

Nothing is built where a stamp in the folder says that it was made of the same sources.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _table():
    """`platforms.py` by its path: nothing of the program is installed yet where wheels are built."""
    spec = importlib.util.spec_from_file_location("platforms", ROOT / "ndestudio" / "export" / "fmu" / "platforms.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["platforms"] = module
    spec.loader.exec_module(module)
    return module


def main(folder: Path) -> int:
    table = _table()
    files = table.sources()
    stamp = hashlib.sha256(
        b"".join(path.read_bytes() for path in files) + repr((table.FLAGS, table.PLATFORMS)).encode()
    ).hexdigest()
    mark = folder / "stamp"
    if mark.is_file() and mark.read_text() == stamp:
        return 0
    if importlib.util.find_spec("ziglang") is None:
        print(
            "FMUs are not exported without their libraries: `pip install ziglang` and `make fmu` build them",
            file=sys.stderr,
        )
        return 0
    for one in table.PLATFORMS:
        target = folder / one.name / f"model{one.ending}"
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", one.target, *table.FLAGS, "-s"]
        command += [] if "windows" in one.target else ["-fPIC"]
        command += ["-o", str(target), *(str(path) for path in files if path.suffix == ".c")]
        command += ["-lm"] if "linux" in one.target else []
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{one.name}: {done.stderr}", file=sys.stderr)
            return 1
        for left in target.parent.iterdir():
            if left != target:
                left.unlink()
    mark.write_text(stamp)
    print(f"{len(table.PLATFORMS)} libraries for FMUs in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "fmu"))
