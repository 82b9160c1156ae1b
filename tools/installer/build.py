"""Builds the program as a folder that needs no Python, and tries it without anything of this machine's surroundings.

    python tools/installer/build.py dist/installer        # needs PyInstaller
    python tools/installer/build.py dist/installer --try  # what is built already

Linux gets a `.tar.gz` of the folder with its .desktop file; Windows and macOS make their own packages of the folder
(`.github/workflows/installers.yml`).
"""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "ndestudio"
_LEFT_OUT = (
    *(
        "IPython",
        "pytest",
        "_pytest",
        "hypothesis",
        "pyright",
        "mkdocs",
        "notebook",
        "tkinter",
        "sklearn",
        "pandas",
        "torch",
    ),
    *("onnxruntime", "duckdb", "distributed", "dask", "pythonfmu", "pythonfmu3", "myokit", "pymoca", "ziglang", "ruff"),
)
"""Packages of a checkout that the program does without."""
_WHOLE = ("ndestudio", "jaxlib", "ziamath", "ziafont", "latex2mathml", "diffrax", "equinox", "optimistix", "lineax")
"""Packages whose modules or files are found by name while the program runs."""
_NEEDED = ("jax._src.pallas", "jax.experimental", "scipy._cyutility")
_METADATA = ("jax", "jaxlib", "equinox", "diffrax", "optimistix", "lineax", "jaxtyping", "polars", "numpy")


def build(folder: Path) -> Path:
    """The folder with the program."""
    separator = os.pathsep
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=WARN", f"--name={NAME}", "--onedir"]
    if platform.system() != "Linux":
        command.append("--windowed")
    command += [f"--distpath={folder}", f"--workpath={folder / 'work'}", f"--specpath={folder / 'work'}"]
    command += [f"--paths={ROOT}"]
    for shared in ("resources", "examples"):
        command.append(f"--add-data={ROOT / shared}{separator}ndestudio/_shared/{shared}")
    command += [f"--collect-submodules={one}" for one in _WHOLE]
    command += [f"--collect-data={one}" for one in _WHOLE]
    command += [f"--hidden-import={one}" for one in _NEEDED]
    command += [f"--copy-metadata={one}" for one in _METADATA]
    command += [f"--exclude-module={one}" for one in _LEFT_OUT]
    subprocess.run([*command, str(ROOT / "tools" / "installer" / "launch.py")], check=True)
    program = folder / NAME
    _without_copies(program)
    return program


def _without_copies(program: Path) -> None:
    """Large libraries lie in the folder of their package and once more above it (that of JAX has 330 MB): one is enough on Linux."""
    if platform.system() != "Linux":
        return
    inner = program / "_internal"
    for copy in (one for one in inner.glob("*.so*") if one.is_file() and one.stat().st_size > 20e6):
        for original in inner.glob(f"*/{copy.name}"):
            if original.stat().st_size == copy.stat().st_size and filecmp.cmp(original, copy, shallow=False):
                copy.unlink()
                copy.symlink_to(original.relative_to(inner))
                break


def archive(program: Path) -> Path:
    """The folder as one file."""
    packed = program.with_name(f"{NAME}-{platform.system().lower()}-{platform.machine()}.tar.gz")
    with tarfile.open(packed, "w:gz", compresslevel=6) as made:
        made.add(program, arcname=NAME)
    return packed


def attempt(program: Path) -> None:
    """Start it without an environment, and on Linux without the file system of this machine where the system allows that."""
    with tempfile.TemporaryDirectory() as home:
        root = Path(home) / "root"
        executable = str(program / NAME)
        bare = ["env", "-i", f"HOME={home}", "QT_QPA_PLATFORM=offscreen", "PATH=/nowhere"]
        print("runs without an environment:", _timed([*bare, executable, "--version"]))
        print("again:", _timed([*bare, executable, "--version"]))
        print("fits a law:", _timed([*bare, executable, "demo", "-o", f"{home}/demo"], limit=600))
        if platform.system() == "Linux" and shutil.which("unshare"):
            _bare_root(program, root)


def _bare_root(program: Path, root: Path) -> None:
    """A root with the program and the C library alone, in a name space of its own."""
    (root / "tmp").mkdir(parents=True)
    shutil.copytree(program, root / "app", symlinks=True)
    needed = (
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libutil.so.1",
        "ld-linux-x86-64.so.2",
    )
    for folder in (Path("/lib/x86_64-linux-gnu"), Path("/lib64")):
        for name in needed:
            if (folder / name).exists():
                target = root / folder.relative_to("/") / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2((folder / name).resolve(), target)
    command = ["unshare", "--user", "--map-root-user", "--root", str(root), f"/app/{NAME}", "--version"]
    print("in a bare root:", _timed(command, environment={"HOME": "/tmp"}))


def _timed(command: list[str], limit: float = 120.0, environment: dict[str, str] | None = None) -> str:
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, env=environment)
    words = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""])[-1]
    return f"exit code {done.returncode} after {time.monotonic() - began:.2f} s: {words}"


def size(path: Path) -> float:
    """Megabytes of a file, or of a folder's files."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file() and not one.is_symlink()]
    return sum(one.stat().st_size for one in files) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--try", dest="only_try", action="store_true", help="only try what is built already")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    program = folder / NAME if arguments.only_try else build(folder)
    print(f"{program}: {size(program):.0f} MB")
    if not arguments.only_try and platform.system() == "Linux":
        packed = archive(program)
        print(f"{packed}: {size(packed):.0f} MB")
    attempt(program)


if __name__ == "__main__":
    main()
