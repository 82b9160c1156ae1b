"""Checks for what pip cannot install: a C++ compiler, Python's headers, the libraries that Qt loads.

    python3 tools/system.py build|qt|window|screen ...

Says in one sentence which system package is missing and how to install it; when root on a system with apt, installs it.
Standard library only, and any Python from 3.8 on: it runs before the virtual environment exists.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

COMPILERS = ("c++", "g++", "clang++")

# library or program -> package of Debian and Ubuntu, of Fedora
QT = {
    "libEGL.so.1": ("libegl1", "libglvnd-egl"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2"),
}
WINDOW = {
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
    "libxcb-xinerama.so.0": ("libxcb-xinerama0", "libxcb"),
}


def missing_for(purpose):
    """[(what, Debian package, Fedora package)] that `build`, `qt`, `window` or `screen` lacks."""
    if purpose == "build":
        return missing_for_build()
    if not sys.platform.startswith("linux"):
        return []
    if purpose == "qt":
        return missing_libraries(QT)
    if purpose == "window":
        return missing_libraries(QT) + missing_libraries(WINDOW)
    if purpose == "screen":
        found = shutil.which("xvfb-run")
        return missing_for("window") + ([] if found else [("xvfb-run", "xvfb", "xorg-x11-server-Xvfb")])
    raise SystemExit("usage: system.py build|qt|window|screen ...")


def missing_for_build():
    missing = []
    if not os.environ.get("CXX") and not any(shutil.which(name) for name in COMPILERS):
        missing.append(("a C++ compiler", "g++", "gcc-c++"))
    if sys.platform.startswith("linux"):
        version = "{}.{}".format(*sys.version_info[:2])
        debian = sys.executable.startswith("/usr/bin")
        if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
            missing.append(("Python's headers", f"python{version}-dev" if debian else "python3-dev", "python3-devel"))
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            missing.append(("Python's module venv", f"python{version}-venv" if debian else "python3-venv", "python3"))
    return missing


def missing_libraries(libraries):
    missing = []
    for name, packages in libraries.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append((name, *packages))
    return missing


def remedy(packages, fedora):
    """The command that installs packages here."""
    if shutil.which("apt-get"):
        return "sudo apt-get install " + " ".join(packages)
    if shutil.which("dnf"):
        return "sudo dnf install " + " ".join(fedora)
    if sys.platform == "darwin":
        return "xcode-select --install"
    return "the package manager of your system (Debian calls it {})".format(" ".join(packages))


def install(packages):
    """Install with apt; False if that did not work."""
    print("Installing {} ...".format(" ".join(packages)), flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    quiet = ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0"]
    for command in ([*quiet, "update"], [*quiet, "install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            print(done.stdout.decode(errors="replace").strip()[-2000:], file=sys.stderr)
            return False
    return True


def may_install():
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def collect(purposes):
    found = {}
    for purpose in purposes:
        for what, debian, fedora in missing_for(purpose):
            found[what] = (debian, fedora)
    return found


def main(purposes):
    found = collect(purposes)
    if found and may_install() and install(sorted({debian for debian, _ in found.values()})):
        found = collect(purposes)
    if not found:
        return 0
    packages = sorted({debian for debian, _ in found.values()})
    fedora = sorted({name for _, name in found.values()})
    print(
        "{} missing: install with `{}` and try again.".format(", ".join(sorted(found)), remedy(packages, fedora)),
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["build", "qt"]))
