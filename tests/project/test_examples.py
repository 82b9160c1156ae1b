"""Every example spec is read, its data are loaded and its equations understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.data import load
from ndestudio.data.dataset import Part
from ndestudio.model.parse import parse_system, with_shared_networks
from ndestudio.model.stated import stated_model
from ndestudio.model.statements import data_for
from ndestudio.project.spec import dump_spec, load_spec, parse_spec, with_files

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "examples").glob("*/spec.toml"))
SHARED = ROOT.parent / "shared" / "data"
NOT_BUNDLED = {"pendulum", "gause"}


def test_all_examples_are_there() -> None:
    assert {path.parent.name for path in SPECS} >= {
        "lynx_hare",
        "school_flu",
        "oscillator",
        "lotka_volterra",
        "pendulum",
        "gause",
        "blowflies",
        "absorption",
        "substrate_inhibition",
        "hysteresis",
        "double_well",
        "epidemic",
        "nile",
        "infection",
        "tank",
        "brusselator_tube",
        "keep_energy",
    }


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_an_example_is_whole(path: Path) -> None:
    spec = load_spec(path)
    assert spec.name and spec.description
    assert parse_spec(dump_spec(spec)) == spec
    readme = (path.parent / "README.md").read_text(encoding="utf-8")
    command = "ndestudio run" if spec.data.files else "ndestudio tube"
    assert command in readme and "Source" in readme


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_an_example_can_begin(path: Path) -> None:
    spec = load_spec(path)
    if path.parent.name in NOT_BUNDLED:
        files = tuple(SHARED / Path(name).name for name in spec.data.files)
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            pytest.skip(f"not bundled, and not beside the repository: {', '.join(missing)}")
        spec = with_files(spec, tuple(map(str, files)))
    if not spec.data.files:
        assert stated_model(spec.model).system.states and spec.tube is not None
        return
    dataset = load(data_for(spec.data, spec.model.equations))
    assert dataset.has(Part.TRAIN)
    assert dataset.has(Part.VALIDATION) or spec.data.split.by == "none"
    system = parse_system(spec.model, dataset.measured_names, dataset.input_names)
    assert system.neural_terms or spec.model.structures
    assert set(with_shared_networks(spec.model).networks) == {neural_term.name for neural_term in system.neural_terms}
    written = {one for one in system.parameters if one.partition("_")[0] in spec.model.structures}
    assert set(spec.model.parameters) == set(system.parameters) - written
    assert set(spec.model.initial) <= set(system.states)
    assert all(system.observation(name) is not None for name in dataset.measured_names)
