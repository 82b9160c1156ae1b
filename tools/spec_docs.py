"""Write docs/spec.md from the structs that specs are read into, so that it cannot lie: python tools/spec_docs.py"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ndestudio.data.config import (  # noqa: E402
    ConditionConfig,
    DataConfig,
    DoseConfig,
    GivenDoseConfig,
    RunConfig,
    SplitConfig,
    ValueConfig,
)
from ndestudio.distil.config import DistilConfig, NextRunConfig, RecoveryConfig  # noqa: E402
from ndestudio.export.config import ExportConfig  # noqa: E402
from ndestudio.figures.style import FigureStyle  # noqa: E402
from ndestudio.fitting.config import ColumnNoise, LatentConfig, TrainConfig  # noqa: E402
from ndestudio.jobs.executors.config import ComputingConfig  # noqa: E402
from ndestudio.model.config import (  # noqa: E402
    BasisConfig,
    InitialConfig,
    ModelConfig,
    NetworkConfig,
    ParameterConfig,
    PenaltyConfig,
    PriorConfig,
    RandomConfig,
    StructureConfig,
)
from ndestudio.project.project import Spec  # noqa: E402
from ndestudio.project.spec_types import describe, element_struct, struct_fields, struct_of  # noqa: E402
from ndestudio.reach.config import TubeConfig  # noqa: E402

TABLES: dict[str, type] = {
    "": Spec,
    "data": DataConfig,
    "data.split": SplitConfig,
    "data.doses": DoseConfig,
    "data.conditions.NAME": ConditionConfig,
    "data.values": ValueConfig,
    "data.runs.TRAJECTORY": RunConfig,
    "data.runs.TRAJECTORY.doses": GivenDoseConfig,
    "model": ModelConfig,
    "model.parameters.NAME": ParameterConfig,
    "model.parameters.NAME.prior": PriorConfig,
    "model.parameters.NAME.random": RandomConfig,
    "model.networks.NAME": NetworkConfig,
    "model.networks.NAME.basis.ARGUMENT": BasisConfig,
    "model.initial.STATE": InitialConfig,
    "model.penalties.NAME": PenaltyConfig,
    "model.structures.NAME": StructureConfig,
    "train": TrainConfig,
    "train.column_noise.COLUMN": ColumnNoise,
    "train.latent": LatentConfig,
    "distil": DistilConfig,
    "next_run": NextRunConfig,
    "recovery": RecoveryConfig,
    "tube": TubeConfig,
    "export": ExportConfig,
    "export.style": FigureStyle,
    "computing": ComputingConfig,
}

HEAD = """\
# The spec file

A spec is a [TOML](https://toml.io) text that says everything about a job: `ndestudio run SPEC.toml -o OUT` does it, and the
window opens it. All of it is optional but `files` and `equations`. An unknown key is an error that names the nearest known
one. File names are relative to the folder of the spec.

    name = "Lynx and hare"

    [data]
    files = ["lynx_hare_1900_1920.csv"]
    time = "year"

    [model]
    equations = \"\"\"
    d(hare)/dt = alpha*hare - predation(hare, lynx)
    d(lynx)/dt = growth(hare, lynx) - delta*lynx
    \"\"\"

    [model.parameters]
    alpha = 0.5                                             # short for { value = 0.5 }
    delta = { value = 0.8, lower = 0.0, unit = "1/year" }

    [model.networks.predation]
    sign = "positive"
    factor = ["hare", "lynx"]

A setting that may be none is switched off by the word `"none"`: `seconds = "none"`.

This page is written by `python tools/spec_docs.py`.
"""

SHORT = {
    "data.split": '`split = "time"` is short for `split = { by = "time" }`.',
    "data.runs.TRAJECTORY.doses": "`doses = [{ time = 0, amount = 100, additional = 3, interval = 12 }]` in the table of a run; `[]`: none.",
    "model.parameters.NAME": "`k = 0.5` is short for `k = { value = 0.5 }`.",
    "model.parameters.NAME.prior": '`prior = { kind = "normal", mean = 0.5, sd = 0.1 }` in the table of a parameter, or of an initial value.',
    "model.networks.NAME.basis.ARGUMENT": '`basis = { t = "fourier" }` is short for `basis = { t = { kind = "fourier" } }`.',
    "model.initial.STATE": '`S = "763 - in_bed"` is short for `S = { value = "763 - in_bed" }`.',
}


def page() -> str:
    """The text of docs/spec.md."""
    return "\n".join([HEAD, *(_table(path, type_) for path, type_ in TABLES.items())])


def _table(path: str, type_: type) -> str:
    title = f"`[{path}]`" if path else "At the top"
    lines = [f"## {title}", "", _summary(type_), ""]
    if path in SHORT:
        lines += [SHORT[path], ""]
    lines += ["| key | is | default | meaning |", "| --- | --- | --- | --- |"]
    meanings = _meanings(type_)
    types = struct_fields(type_)
    for field in msgspec.structs.fields(type_):
        name = field.encode_name
        if struct_of(types[name]) is None or path:
            lines.append(f"| `{name}` | {_kind(types[name])} | {_default(field)} | {_cell(meanings.get(name, ''))} |")
    return "\n".join(lines) + "\n"


def _summary(type_: type) -> str:
    return inspect.cleandoc(type_.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")


def _meanings(type_: type) -> dict[str, str]:
    """Field -> its words in the section `Attributes` of the docstring; fields named together share them."""
    text = inspect.cleandoc(type_.__doc__ or "")
    _, _, section = text.partition("Attributes\n----------\n")
    section = re.split(r"\n\w+\n-{4,}\n", section)[0]
    meanings: dict[str, str] = {}
    for entry in re.split(r"\n(?=\w)", section.rstrip()):
        names, _, words = entry.partition("\n")
        meaning = " ".join(line.strip() for line in words.splitlines())
        meaning = re.sub(
            r"\bNone\b", "none", meaning[:1].lower() + meaning[1:] if _starts_plainly(meaning) else meaning
        )
        meanings.update(dict.fromkeys(names.split(", "), meaning))
    return meanings


PROPER = {"Excel", "None"}


def _starts_plainly(text: str) -> bool:
    """Whether the first word is one that a table writes small: no name, no symbol."""
    word = text.split(" ")[0].rstrip(",;:.")
    return word.isalpha() and word[:1].isupper() and not word[1:].isupper() and word not in PROPER


def _kind(type_: Any) -> str:
    if struct_of(type_) is not None:
        return "a table"
    return "a table for each name" if element_struct(type_) is not None else _cell(describe(type_))


def _default(field: Any) -> str:
    if field.required:
        return "needed"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct) or value in ({}, (), ""):
        return ""
    if value is None:
        return "none"
    text = msgspec.json.encode(value).decode().replace('","', '", "')
    return _cell(f"`{text}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    (ROOT / "docs" / "spec.md").write_text(page(), encoding="utf-8")
