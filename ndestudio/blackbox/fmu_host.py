"""The process in which an FMU runs: it reads points from its standard input and writes what the FMU gives.

A message is two lengths (unsigned, 4 bytes, little-endian), a JSON text and an array of doubles. Started as
``python -m ndestudio.blackbox.fmu_host``; whatever the FMU writes itself goes to the error output.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import shutil
import struct
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


class Instance:
    """One instance of an FMU, put anew at each point that is asked for."""

    def __init__(self, task: dict[str, Any], folder: str) -> None:
        from fmpy import read_model_description
        from fmpy.simulation import instantiate_fmu

        self.task, self.steps = task, task["step"] > 0
        described = read_model_description(folder, validate=False)
        self.two = str(described.fmiVersion).startswith("2.")
        kind = "CoSimulation" if self.steps else "ModelExchange"
        self.fmu: Any = instantiate_fmu(folder, described, fmi_type=kind, logger=None)
        self.new, self.states = True, len(task["states"])
        self.x = np.zeros(self.states)
        self.dx = np.zeros(self.states)

    def set(self, references: list[int], values: list[float]) -> None:
        if references:
            (self.fmu.setReal if self.two else self.fmu.setFloat64)(references, values)

    def get(self, references: list[int]) -> list[float]:
        return (self.fmu.getReal if self.two else self.fmu.getFloat64)(references)

    def initialise(self, x: np.ndarray, time: float) -> None:
        """To its begin: parameters and states are set, then inputs."""
        task = self.task
        if not self.new:
            self.fmu.reset()
        self.new = False
        if self.two:
            self.fmu.setupExperiment(startTime=time)
        for reference, value in task["start"]:
            self.set([reference], [value])
        self.set(task["state_references"], x[task["states"]].tolist())
        if self.two:
            self.fmu.enterInitializationMode()
        else:
            self.fmu.enterInitializationMode(startTime=time)
        self.set(task["input_references"], x[task["inputs"]].tolist())
        self.fmu.exitInitializationMode()

    def time_of(self, x: np.ndarray) -> float:
        return float(x[self.task["time"]]) if self.task["time"] >= 0 else 0.0

    def begin_rates(self) -> None:
        """To continuous time, once; after that points follow each other."""
        self.initialise(np.array([float(v) for v in self.task["first"]]), 0.0)
        for _ in range(100):
            more, ends, *_ = self.fmu.newDiscreteStates() if self.two else self.fmu.updateDiscreteStates()
            if ends:
                raise RuntimeError("it asks to end the simulation as it begins")
            if not more:
                break
        self.fmu.enterContinuousTimeMode()

    def put(self, x: np.ndarray) -> None:
        """To a point in continuous time."""
        self.fmu.setTime(self.time_of(x))
        self.x[:] = x[self.task["states"]]
        if self.states:
            pointer = self.x.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
            self.fmu.setContinuousStates(pointer, self.states)
        self.set(self.task["input_references"], x[self.task["inputs"]].tolist())

    def value(self, x: np.ndarray) -> list[float]:
        task = self.task
        if not self.steps:
            self.put(x)
            if self.states:
                # some FMUs compute their derivatives here only
                pointer = self.dx.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
                get = self.fmu.getDerivatives if self.two else self.fmu.getContinuousStateDerivatives
                get(pointer, self.states)
            others = task["outputs"][self.states :]
            return [*self.dx.tolist(), *(self.get(others) if others else [])]
        time = self.time_of(x)
        self.initialise(x, time)
        done = self.fmu.doStep(currentCommunicationPoint=time, communicationStepSize=task["step"])
        if not self.two and done is not None and (done[2] or done[1]):
            raise RuntimeError("it ended a step early")
        found = self.get(task["outputs"])
        self.fmu.terminate()
        return found

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        task = self.task
        self.put(x)
        found = np.zeros((len(task["outputs"]), len(x)))
        for k, reference in enumerate(task["references"]):
            rows = [
                i
                for i in range(len(task["outputs"]))
                if reference >= 0 and (task["depends"] is None or task["depends"][i][k])
            ]
            if rows:
                asked = [task["outputs"][i] for i in rows]
                found[rows, k] = self.fmu.getDirectionalDerivative(asked, [reference], [1.0])
        return found


def main() -> None:
    """Answer until the input ends."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdout = sys.stderr
    head, _ = _read(source)
    folder = tempfile.mkdtemp(prefix="ndestudio-fmu-")
    try:
        try:
            instance = _instance(head, folder)
        except Exception as error:
            _write(sink, {"error": f"it does not start: {_said(error)}"})
            return
        _write(sink, {"exact": bool(head["exact"])})
        while True:
            try:
                question, raw = _read(source)
            except EOFError:
                return
            _answer(instance, question, raw, sink)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _instance(task: dict[str, Any], folder: str) -> Instance:
    _limit(task["memory"])
    content = Path(task["path"]).read_bytes()
    if hashlib.sha256(content).hexdigest() != task["sha256"]:
        raise RuntimeError("the file has changed since it was allowed")
    # the bytes that were looked at, not the file once more
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return Instance(task, folder)


def _limit(megabytes: int) -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(instance: Instance, question: dict[str, Any], raw: bytes, sink: BinaryIO) -> None:
    X = np.frombuffer(raw, dtype="<f8").reshape(question["points"], -1)
    outputs = len(instance.task["outputs"])
    shape = (len(X), outputs) if question["what"] == "values" else (len(X), outputs, X.shape[1])
    found, failure = np.full(shape, np.nan), ""
    if not instance.steps and instance.new:
        instance.task["first"] = X[0].tolist()
        try:
            instance.begin_rates()
        except Exception as error:
            _write(sink, {"error": f"it cannot begin: {_said(error)}"})
            return
    for k, x in enumerate(X):
        try:
            found[k] = instance.value(x) if question["what"] == "values" else instance.jacobian(x)
        except Exception as error:
            # the FMU says that it has no value there; what it wrote is kept for the sentence of a later crash
            failure = _said(error)
            print(failure, file=sys.stderr)
    _write(sink, {"shape": shape, "failure": failure}, np.ascontiguousarray(found, dtype="<f8").tobytes())


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _read(source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    head = source.read(8)
    if len(head) < 8:
        raise EOFError
    n, m = struct.unpack("<II", head)
    return json.loads(source.read(n)), source.read(m)


def _write(sink: BinaryIO, head: dict[str, Any], raw: bytes = b"") -> None:
    text = json.dumps(head).encode()
    sink.write(struct.pack("<II", len(text), len(raw)) + text + raw)
    sink.flush()


if __name__ == "__main__":
    main()
