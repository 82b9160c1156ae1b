"""10,000 steps of co-simulation beside the exported C program that prints as many rows."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.fmu.models import examples, templates
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact

STEPS, REPEATS, LIMIT = 10_000, 5, 2.0
NAMES = (
    "lynx_hare",
    "oscillator",
    "lotka_volterra",
    "substrate_inhibition",
    "sir",
    "lorenz",
    "robertson",
    "repressilator",
)
HOST = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
typedef void *(*instantiate)(const char *, int, const char *, const char *, const void *, int, int);
typedef int (*setup)(void *, int, double, double, int, double);
typedef int (*plain)(void *);
typedef int (*get)(void *, const unsigned *, size_t, double *);
typedef int (*set)(void *, const unsigned *, size_t, const int *);
typedef int (*step)(void *, double, double, int);
int main(int argc, char **argv)
{
    void *library = dlopen(argv[1], RTLD_NOW);
    const double start = atof(argv[4]), stop = atof(argv[5]);
    const int n = atoi(argv[6]), steps = atoi(argv[7]);
    const unsigned measured = (unsigned)atoi(argv[8]);
    const int yes = 1;
    void *callbacks[5] = {0};
    (void)argc;
    void *c = ((instantiate)dlsym(library, "fmi2Instantiate"))("m", 1, argv[2], argv[3], callbacks, 0, 0);
    if (!c)
        return 1;
    ((setup)dlsym(library, "fmi2SetupExperiment"))(c, 0, 0.0, start, 1, stop);
    ((set)dlsym(library, "fmi2SetBoolean"))(c, &measured, 1, &yes);
    ((plain)dlsym(library, "fmi2EnterInitializationMode"))(c);
    ((plain)dlsym(library, "fmi2ExitInitializationMode"))(c);
    unsigned *references = malloc((size_t)n*sizeof *references);
    double *x = malloc((size_t)n*sizeof *x);
    for (int i = 0; i < n; ++i)
        references[i] = (unsigned)i + 1;
    step do_step = (step)dlsym(library, "fmi2DoStep");
    get get_real = (get)dlsym(library, "fmi2GetReal");
    for (int k = 0; k <= steps; ++k) {
        const double t = start + (stop - start)*k/steps, before = start + (stop - start)*(k - 1)/steps;
        if (k && do_step(c, before, t - before, 1))
            return 1;
        get_real(c, references, (size_t)n, x);
        printf("%.17g", t);
        for (int i = 0; i < n; ++i)
            printf(",%.17g", x[i]);
        putchar('\n');
    }
    return 0;
}
"""
PRINTING = re.compile(r"(?<!f)printf\(|putchar\(")


def _seconds(command: Sequence[str]) -> float:
    """Smallest processor time of a process, over a few runs."""
    best = float("inf")
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return best


def measured() -> int:
    """Print the ratios; returns how many are above the limit."""
    if shutil.which("cc") is None:
        print("speed: left out, there is no C compiler")
        return 0
    above = 0
    for one in (*examples(), *templates()):
        if len(one) == 2 or one[0] not in NAMES:
            continue
        name, model, data = one
        try:
            program, unit = artefact(model, "c", dataset=data), artefact(model, "fmu", dataset=data)
        except ExportError as refusal:
            print(f"{name:24} left out: {refusal}")
            continue
        with tempfile.TemporaryDirectory() as place:
            above += not _beside(name, Path(place), program.text, unit.payload)
    return above


def _beside(name: str, folder: Path, program: str, unit: bytes) -> bool:
    (folder / "model.fmu").write_bytes(unit)
    with zipfile.ZipFile(folder / "model.fmu") as archive:
        archive.extractall(folder / "fmu")
    root = ElementTree.parse(folder / "fmu" / "modelDescription.xml").getroot()
    experiment, listed = root.find("DefaultExperiment"), list(root.find("ModelVariables") or ())
    assert experiment is not None
    states = sum(1 for one in listed if one.get("causality") == "output" and one.get("initial") == "exact")
    switch = next(one.get("valueReference", "") for one in listed if one.get("name", "").startswith("measured_inputs"))
    library = next((folder / "fmu" / "binaries" / "linux64").glob("*.so"))
    arguments = [str(library), root.get("guid", ""), (folder / "fmu" / "resources").as_uri()]
    arguments += [experiment.get("startTime", ""), experiment.get("stopTime", ""), str(states), str(STEPS), switch]
    track = program.split("static const track tracks", 1)[1].split('"', 2)[1]
    ratios = []
    for silent in (False, True):
        for file, text in (("model", program), ("host", HOST)):
            (folder / f"{file}.c").write_text(PRINTING.sub("(void)(", text) if silent else text)
            command = ["cc", "-std=gnu99", "-O2", "-w", f"{file}.c", "-o", file, "-lm", "-ldl"]
            subprocess.run(command, cwd=folder, check=True)
        theirs = _seconds([str(folder / "host"), *arguments])
        ours = _seconds([str(folder / "model"), track, str(STEPS + 1)])
        ratios.append(theirs / ours)
        if not silent:
            print(f"{name:24} C program {ours:.3f} s, FMU {theirs:.3f} s:", end="", flush=True)
    print(f" {ratios[0]:.2f} times; without printing {ratios[1]:.2f} times", flush=True)
    return ratios[0] > LIMIT
