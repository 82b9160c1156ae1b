"""Runs an FMU of ours by co-simulation and prints a CSV: python host.py FILE.fmu POINTS PLATFORM

It stands alone, so that what it finds is what the file says. Inputs are the measured ones of the first trajectory.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

FORMER = {
    "x86_64-linux": "linux64",
    "x86_64-windows": "win64",
    "x86_64-darwin": "darwin64",
    "aarch64-darwin": "darwin64",
}
DOUBLE, REFERENCE = ctypes.c_double, ctypes.c_uint32


class Callbacks(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("logger", "allocate", "release", "finished", "environment")]


def main(file: str, points: int, platform: str) -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
        root = ET.parse(folder / "modelDescription.xml").getroot()
        version = 2 if root.get("fmiVersion") == "2.0" else 3
        place = FORMER.get(platform, platform) if version == 2 else platform
        found = sorted((folder / "binaries" / place).glob("*"))
        if not found:
            print(f"the FMU has no library for {platform}", file=sys.stderr)
            return 1
        simulate(ctypes.CDLL(str(found[0])), root, version, folder / "resources", points)
    return 0


def simulate(library: ctypes.CDLL, root: ET.Element, version: int, resources: Path, points: int) -> None:
    variables = list(root.find("ModelVariables") or ())
    states = [one for one in variables if one.get("initial") == "exact" and one.get("causality") == "output"]
    experiment = root.find("DefaultExperiment")
    assert experiment is not None
    start, stop = float(experiment.get("startTime", "0")), float(experiment.get("stopTime", "1"))
    measured = next(one for one in variables if one.get("valueReference") == _reference(variables, "Boolean"))
    own = Two if version == 2 else Three
    model = own(library, root, resources.resolve(), start, stop)
    model.measured(int(measured.get("valueReference", "0")))
    model.initialise()
    references = (REFERENCE * len(states))(*(int(one.get("valueReference", "0")) for one in states))
    values = (DOUBLE * len(states))()
    print(",".join(["t", *(f'"{one.get("name")}"' for one in states)]))
    before = start
    for k in range(points):
        t = stop if k == points - 1 else start + (stop - start) * k / (points - 1)
        if t > before:
            model.step(before, t - before)
        before = t
        model.read(references, values)
        print(",".join(repr(value) for value in (t, *values)))


def _reference(variables: list[ET.Element], kind: str) -> str:
    for one in variables:
        if one.tag == kind or one.find(kind) is not None:
            return one.get("valueReference", "")
    raise SystemExit("the FMU has no switch for measured inputs")


class Two:
    """An instance by FMI 2.0."""

    def __init__(self, library: ctypes.CDLL, root: ET.Element, resources: Path, start: float, stop: float) -> None:
        self.library = library
        library.fmi2Instantiate.restype = ctypes.c_void_p
        self.callbacks = Callbacks()
        token = root.get("guid", "").encode()
        self.instance = ctypes.c_void_p(
            library.fmi2Instantiate(b"model", 1, token, resources.as_uri().encode(), ctypes.byref(self.callbacks), 0, 0)
        )
        if not self.instance.value:
            raise SystemExit("the FMU could not be started")
        _good(library.fmi2SetupExperiment(self.instance, 0, DOUBLE(0.0), DOUBLE(start), 1, DOUBLE(stop)))

    def measured(self, reference: int) -> None:
        _good(
            self.library.fmi2SetBoolean(
                self.instance, (REFERENCE * 1)(reference), ctypes.c_size_t(1), (ctypes.c_int * 1)(1)
            )
        )

    def initialise(self) -> None:
        _good(self.library.fmi2EnterInitializationMode(self.instance))
        _good(self.library.fmi2ExitInitializationMode(self.instance))

    def step(self, t: float, size: float) -> None:
        _good(self.library.fmi2DoStep(self.instance, DOUBLE(t), DOUBLE(size), 1))

    def read(self, references: ctypes.Array[ctypes.c_uint32], values: ctypes.Array[ctypes.c_double]) -> None:
        _good(self.library.fmi2GetReal(self.instance, references, ctypes.c_size_t(len(values)), values))


class Three:
    """An instance by FMI 3.0."""

    def __init__(self, library: ctypes.CDLL, root: ET.Element, resources: Path, start: float, stop: float) -> None:
        self.library, self.span = library, (start, stop)
        library.fmi3InstantiateCoSimulation.restype = ctypes.c_void_p
        token, folder = root.get("instantiationToken", "").encode(), f"{resources}/".encode()
        no = ctypes.c_bool(False)
        self.instance = ctypes.c_void_p(
            library.fmi3InstantiateCoSimulation(
                b"model", token, folder, no, no, no, no, None, ctypes.c_size_t(0), None, None, None
            )
        )
        if not self.instance.value:
            raise SystemExit("the FMU could not be started")

    def measured(self, reference: int) -> None:
        one = ctypes.c_size_t(1)
        _good(
            self.library.fmi3SetBoolean(self.instance, (REFERENCE * 1)(reference), one, (ctypes.c_bool * 1)(True), one)
        )

    def initialise(self) -> None:
        start, stop = self.span
        no, yes = ctypes.c_bool(False), ctypes.c_bool(True)
        _good(
            self.library.fmi3EnterInitializationMode(self.instance, no, DOUBLE(0.0), DOUBLE(start), yes, DOUBLE(stop))
        )
        _good(self.library.fmi3ExitInitializationMode(self.instance))

    def step(self, t: float, size: float) -> None:
        flags = [ctypes.c_bool() for _ in range(3)]
        last = DOUBLE()
        pointers = [ctypes.byref(one) for one in flags]
        _good(
            self.library.fmi3DoStep(
                self.instance, DOUBLE(t), DOUBLE(size), ctypes.c_bool(True), *pointers, ctypes.byref(last)
            )
        )

    def read(self, references: ctypes.Array[ctypes.c_uint32], values: ctypes.Array[ctypes.c_double]) -> None:
        n = ctypes.c_size_t(len(values))
        _good(self.library.fmi3GetFloat64(self.instance, references, n, values, n))


def _good(status: int) -> None:
    if status > 1:
        raise SystemExit("a function of the FMU failed; the solver may have found no solution")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
