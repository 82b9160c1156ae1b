"""Scripts are run as they are, in a process of their own, and must come to the results of the session."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

import ndestudio as nde
from ndestudio.data import load
from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.distil import DistilConfig, assemble, distil, substitute_formula, with_scored
from ndestudio.expression import parse_expression, to_text
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model import ModelConfig, NetworkConfig, ParameterConfig, numbers_filled
from ndestudio.project import Project, Spec, dump_spec, in_use, parse_spec, python_script
from ndestudio.project.script import literal
from ndestudio.session import commands
from ndestudio.symbolic import Candidate

EQUATIONS = "d(x)/dt = a - f(x)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("script")
    rows = ["t,x,run"]
    for name, start in (("one", 0.2), ("two", 5.0)):
        t = np.linspace(0, 4, 12)
        rows += [f"{a:.6g},{b:.9g},{name}" for a, b in zip(t, 2 + (start - 2) * np.exp(-0.7 * t), strict=True)]
    (folder / "data.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def spec(folder: Path) -> Spec:
    return Spec(
        name='A "session"',
        data=DataConfig(files=(str(folder / "data.csv"),), trajectory="run", split=SplitConfig(by="time")),
        model=ModelConfig(
            equations=EQUATIONS,
            parameters={"a": ParameterConfig(value=1.0, lower=0.0)},
            networks={"f": NetworkConfig(width=4, depth=1)},
        ),
        train=TrainConfig(
            preset="quick", time_limit=60.0, stages=("collocation", "trajectory"), iterations={"trajectory": 8}
        ),
        distil=DistilConfig(
            operators="polynomial", seconds=None, evaluations=3000, candidates=1, max_size=5, threads=1
        ),
    )


def test_a_session_of_several_steps_is_done_again(folder: Path, spec: Spec):
    """Trained, weights changed, trained on from a moment, searched, a formula of one's own substituted."""
    project = Project(spec=spec, dataset=load(spec.data))
    assert project.dataset is not None
    first = fit(spec.model, project.dataset, spec.train)
    project = commands.with_fit(project, first, "2026-01-01")
    project = commands.with_trajectory_weight(project, "two", 0.5)
    project = commands.with_train(project, seed=3)
    assert project.dataset is not None
    start = first.checkpoints[0].model
    second = fit(spec.model, project.dataset, project.spec.train, start=start)
    project = commands.with_fit(project, second, "2026-01-02", start=start)
    assert project.dataset is not None
    result = distil(second.model, project.dataset, spec.distil, train=project.spec.train)
    project = commands.with_distillation(project, result, "2026-01-03")
    project = commands.with_train(project, seed=4)
    candidate = Candidate(5, 0.5, parse_expression("0.3*x*x"))
    assert project.dataset is not None
    scored = substitute_formula(second.model, project.dataset, "f", candidate, project.spec.train)
    project = replace(project, distillation=with_scored(result, "f", scored))
    project = commands.with_accepted(project, "f", len(result.neural_terms["f"].scored))
    assert project.distillation is not None
    expected = assemble(second.model, project.distillation, project.accepted)

    script = folder / "script.py"
    script.write_text(python_script(project), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("d(x)/dt")]
    assert line == f"d(x)/dt = {to_text(numbers_filled(expected)['x'])}"
    assert first.sentence in done.stdout
    assert second.sentence in done.stdout
    assert "train error of x" in done.stdout


def test_a_moment_that_was_gone_back_to_is_a_checkpoint_of_the_run(spec: Spec, folder: Path):
    project = Project(spec=spec, dataset=load(spec.data))
    assert project.dataset is not None
    trained = fit(spec.model, project.dataset, spec.train)
    other = replace(trained.model, parameters={"a": 0.123})
    moment = replace(trained.checkpoints[0], model=other)
    trained = replace(trained, checkpoints=(moment, *trained.checkpoints))
    project = commands.with_fit(project, trained, "2026-01-01")
    branched = replace(
        trained, model=replace(other)
    )  # as it was seen while it trained: another object, the same values
    text = python_script(replace(project, fit=branched))
    assert "fit_2 = replace(fit, model=fit.checkpoints[0].model)" in text
    assert "numbers_filled(fit_2.model)" in text
    elsewhere = python_script(
        replace(project, fit=replace(trained, model=replace(trained.model, parameters={"a": 9.0})))
    )
    assert "was not kept" in elsewhere


def test_networks_that_no_equation_calls_are_left_out(spec: Spec):
    model = msgspec.structs.replace(spec.model, networks={**spec.model.networks, "old": NetworkConfig(width=7)})
    left_over = msgspec.structs.replace(spec, model=model)
    assert in_use(left_over) == spec
    assert python_script(Project(spec=left_over)) == python_script(Project(spec=spec))
    known = msgspec.structs.replace(model, equations="d(x)/dt = a - x")
    text = python_script(Project(spec=msgspec.structs.replace(spec, model=known)))
    assert "distil" not in text.split("reporter = ")[1]


def test_without_results_the_script_trains_and_distils_with_the_settings_of_now(spec: Spec):
    text = python_script(Project(spec=spec))
    compile(text, "script", "exec")
    assert "nde.fit(" in text
    assert "distil(" in text


def test_settings_are_written_as_python_that_gives_them_back(spec: Spec):
    import ndestudio

    for value in (spec.data, spec.model, spec.train, spec.distil, spec.data.split):
        again = eval(literal(value), {"nde": ndestudio})
        assert again == value
    awkward = ModelConfig(equations='d(x)/dt = "\\n"""', name='it\'s\n"so"', units={"a'b": 'c"d'})
    assert eval(literal(awkward), {"nde": ndestudio}) == awkward
    bounds = ParameterConfig(upper=float("inf"))
    assert eval(literal(bounds), {"nde": ndestudio}) == bounds


def test_the_spec_of_a_session_gives_the_session_back(spec: Spec):
    changed = msgspec.structs.replace(
        spec, data=msgspec.structs.replace(spec.data, trajectory_weights={"two": 0.5}), description="three\nlines\n"
    )
    assert parse_spec(dump_spec(changed)) == changed


def test_every_setting_that_is_written_has_a_name_in_the_library() -> None:
    """A script writes settings as `nde.NAME(...)`."""
    from ndestudio.project.spec_types import element_struct, struct_fields, struct_of

    seen: set[type] = set()
    waiting: list[type] = [DataConfig, ModelConfig, TrainConfig, DistilConfig]
    while waiting:
        type_ = waiting.pop()
        seen.add(type_)
        for inner in struct_fields(type_).values():
            found = struct_of(inner) or element_struct(inner)
            if found is not None and found not in seen:
                waiting.append(found)
    assert {type_.__name__ for type_ in seen} >= {"PriorConfig", "PenaltyConfig", "BasisConfig"}
    missing = [type_.__name__ for type_ in seen if not hasattr(nde, type_.__name__)]
    assert missing == []
