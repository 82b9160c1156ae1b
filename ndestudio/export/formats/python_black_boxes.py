"""Simulators in Python programs: FMUs driven by fmpy, programs by their lines; and the loop of a system in steps."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ndestudio.blackbox.describe import kind_of
from ndestudio.blackbox.label import Label, label_of
from ndestudio.blackbox.opened import fmu_task
from ndestudio.blackbox.permission import is_allowed, refusal
from ndestudio.errors import BlackBoxError, ExportError
from ndestudio.export.code import filled
from ndestudio.model.black_boxes import black_boxes
from ndestudio.model.fitted import FittedModel


def refused(model: FittedModel) -> str | None:
    """Why a Python program cannot drive the simulators of a model; None if it can."""
    for label in black_boxes(model.system.expressions):
        if kind_of(label.file) in ("callable", "table"):
            return f"the equations call `{label.title}`, and programs drive FMUs and programs only, yet"
    return None


def call(function: str, arguments: Sequence[str], boxes: Sequence[Label]) -> str:
    """The call of an output of a simulator, as text."""
    label = label_of(function)
    number = next(
        k for k, one in enumerate(boxes) if (one.file, one.path, one.step) == (label.file, label.path, label.step)
    )
    outputs = label.outputs
    if kind_of(label.file) == "fmu":
        outputs = fmu_task(label)[1]
    place = outputs.index(label.output) if label.output in outputs else int(label.output or 1) - 1
    return f"black_box({number}, {place}, {', '.join(arguments)})"


def definitions(boxes: Sequence[Label]) -> list[str]:
    """Tables and functions that the calls need."""
    rows = [f"    {_row(label)}," for label in boxes]
    kinds = {kind_of(label.file) for label in boxes}
    parts = [_HEAD, *([_FMU] if "fmu" in kinds else []), *([_PROGRAM] if "program" in kinds else []), _CALL]
    starts = ", ".join(f'"{kind}": {name}' for kind, name in (("fmu", "Fmu"), ("program", "Program")) if kind in kinds)
    text = "\n\n\n".join(parts).replace("@STARTS@", starts)
    said = "# Simulators that the equations call: `path` may be changed, what they hold must be the same."
    return ["", said, "BLACK_BOXES = [", *rows, "]", "", "", *text.splitlines()]


def _row(label: Label) -> str:
    """What is known of one, as a dictionary that is JSON and Python alike."""
    if not is_allowed(label.sha256):
        # what is written is run once, to be checked
        raise ExportError(refusal(label.title, label.path, label.sha256))
    row: dict[str, object] = {"kind": kind_of(label.file), "path": label.path, "sha256": label.sha256}
    if row["kind"] == "fmu":
        try:
            task, _ = fmu_task(label)
        except BlackBoxError as error:
            raise ExportError(str(error)) from None
        keep = ("step", "states", "state_references", "inputs", "input_references", "time", "outputs", "start")
        row |= {key: task[key] for key in keep}
    return json.dumps(row)


def simulate_steps(step: float) -> str:
    """The function `simulate` of a system in steps."""
    return filled(_STEPS, STEP=repr(step))


_HEAD = '''\
def checked(box):
    """The place of a simulator, whose content must be what the model was trained with."""
    with open(box["path"], "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != box["sha256"]:
        raise RuntimeError(f"{box['path']} is not the simulator that this model was trained with")
    return box["path"]'''

_FMU = '''\
class Fmu:
    """An FMU, put anew at each point: rates by model exchange, steps by co-simulation."""

    def __init__(self, box):
        from fmpy import extract, read_model_description
        from fmpy.simulation import instantiate_fmu

        self.box, self.new = box, True
        folder = extract(checked(box))
        atexit.register(shutil.rmtree, folder, True)
        described = read_model_description(folder, validate=False)
        self.two = described.fmiVersion.startswith("2.")
        self.fmu = instantiate_fmu(folder, described, fmi_type="CoSimulation" if box["step"] else "ModelExchange")
        self.rates = np.zeros(len(box["states"]))

    def set(self, references, values):
        if references:
            (self.fmu.setReal if self.two else self.fmu.setFloat64)(references, [float(value) for value in values])

    def get(self, references):
        return (self.fmu.getReal if self.two else self.fmu.getFloat64)(references) if references else []

    def begin(self, x, time):
        box = self.box
        if not self.new:
            self.fmu.reset()
        self.new = False
        if self.two:
            self.fmu.setupExperiment(startTime=time)
        for reference, value in box["start"]:
            self.set([reference], [value])
        self.set(box["state_references"], x[box["states"]])
        if self.two:
            self.fmu.enterInitializationMode()
        else:
            self.fmu.enterInitializationMode(startTime=time)
        self.set(box["input_references"], x[box["inputs"]])
        self.fmu.exitInitializationMode()
        if not box["step"]:
            update = self.fmu.newDiscreteStates if self.two else self.fmu.updateDiscreteStates
            while update()[0]:
                pass
            self.fmu.enterContinuousTimeMode()

    def __call__(self, x):
        box = self.box
        time = float(x[box["time"]]) if box["time"] >= 0 else 0.0
        if box["step"]:
            self.begin(x, time)
            self.fmu.doStep(currentCommunicationPoint=time, communicationStepSize=box["step"])
            found = self.get(box["outputs"])
            self.fmu.terminate()
            return found
        if self.new:
            self.begin(x, time)
        self.fmu.setTime(time)
        states, pointer = np.array(x[box["states"]], dtype=float), ctypes.POINTER(ctypes.c_double)
        if len(states):
            self.fmu.setContinuousStates(states.ctypes.data_as(pointer), len(states))
        self.set(box["input_references"], x[box["inputs"]])
        if len(states):
            get = self.fmu.getDerivatives if self.two else self.fmu.getContinuousStateDerivatives
            get(self.rates.ctypes.data_as(pointer), len(states))
        return [*self.rates, *self.get(box["outputs"][len(states) :])]'''

_PROGRAM = '''\
class Program:
    """A program that answers a line of numbers by a line of numbers."""

    def __init__(self, box):
        self.process = subprocess.Popen([checked(box)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, x):
        print(*(repr(float(value)) for value in x), file=self.process.stdin, flush=True)
        return [float(word) for word in self.process.stdout.readline().replace(",", " ").split()]'''

_CALL = '''\
OPEN, LAST = {}, {}


def black_box(number, output, *arguments):
    """An output of a simulator at a point."""
    x = np.array(arguments, dtype=float)
    if number not in OPEN:
        box = BLACK_BOXES[number]
        OPEN[number] = {@STARTS@}[box["kind"]](box)
    key = x.tobytes()
    if LAST.get(number, (None,))[0] != key:
        LAST[number] = key, OPEN[number](x)
    return LAST[number][1][output]'''

_STEPS = '''\
def simulate(t, trajectory=None, parameters=PARAMETERS):
    """States at the increasing times t [time, state]; between two steps they are where the last one left them."""
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track, step = TRAJECTORIES[name], @STEP@
    t = np.atleast_1d(np.asarray(t, dtype=float))
    numbers = np.floor((t - track["start"]) / step + 1e-6).astype(int)
    y = np.array(track["initial"])
    states = np.full((len(t), len(y)), np.nan)
    for number in range(numbers[-1] + 1):
        states[numbers == number] = y
        time = track["start"] + number * step
        if number < numbers[-1]:
            y = y + step * np.array(field(time, y, inputs(time, name), parameters), dtype=float)
    return states'''

IMPORTS = ["import atexit", "import ctypes", "import hashlib", "import shutil", "import subprocess"]
