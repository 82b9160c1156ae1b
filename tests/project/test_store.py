from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ndestudio.errors import ProjectError
from ndestudio.expression.functions import BUILT_IN
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.fitting.result import Checkpoint
from ndestudio.project.codec import decode_expression, encode_expression
from ndestudio.project.migrations import SCHEMA, migrate
from ndestudio.project.project import Project
from ndestudio.project.store import load_project, save_project, thinned
from tests.sample_project import full_project, same


def test_everything_round_trips(project: Project, tmp_path: Path) -> None:
    path = save_project(project, tmp_path / "a.nde")
    assert same(load_project(path), project)


def test_an_empty_project_round_trips(tmp_path: Path) -> None:
    assert same(load_project(save_project(Project(), tmp_path / "a.nde")), Project())


def test_what_was_one_object_is_one_object_again(project: Project, tmp_path: Path) -> None:
    loaded = load_project(save_project(project, tmp_path / "a.nde"))
    assert loaded.fit is not None
    assert loaded.runs[0].fit is loaded.fit
    assert loaded.fit.ensemble[0] is loaded.fit.model is loaded.fit.checkpoints[0].model
    assert loaded.dataset is not None
    assert loaded.dataset.trajectories[0].t is loaded.dataset.trajectories[1].t


def test_a_name_without_suffix_gets_one(tmp_path: Path) -> None:
    assert save_project(Project(), tmp_path / "a").name == "a.nde"
    assert save_project(Project(), tmp_path / "b.project").name == "b.project"


def test_loaded_arrays_can_be_written_to(project: Project, tmp_path: Path) -> None:
    loaded = load_project(save_project(project, tmp_path / "a.nde"))
    assert loaded.dataset is not None and loaded.dataset.trajectories[0].t.flags.writeable


def test_the_file_opens_as_what_it_is_said_to_be(project: Project, tmp_path: Path) -> None:
    with zipfile.ZipFile(save_project(project, tmp_path / "a.nde")) as archive:
        content = msgspec.json.decode(archive.read("project.json"))
        arrays = [name for name in archive.namelist() if name.startswith("arrays/") and name.endswith(".npy")]
        assert len(arrays) + 1 == len(archive.namelist())
        np.load(io.BytesIO(archive.read(arrays[0])), allow_pickle=False)
    assert (content["format"], content["schema"]) == ("ndestudio-project", SCHEMA)


def test_checkpoints_are_bounded_and_keep_first_last_and_best(tmp_path: Path) -> None:
    project = full_project(checkpoints=200)
    loaded = load_project(save_project(project, tmp_path / "a.nde"))
    assert loaded.fit is not None and project.fit is not None
    kept = [point.iteration for point in loaded.fit.checkpoints]
    assert len(kept) <= 24 and kept[0] == 0 and kept[-1] == 199 and kept == sorted(kept)
    assert 8 in kept, "the best by validation error (by loss where there is none) is gone"
    assert loaded.runs[0].fit is loaded.fit
    assert thinned(loaded).fit is loaded.fit


def test_the_best_checkpoint_is_found_among_diverged_ones() -> None:
    project = full_project(checkpoints=60)
    assert project.fit is not None
    model = project.fit.model
    losses = [math.nan] * 60
    losses[13] = 1.0
    points = tuple(Checkpoint("shooting", n, loss, None, model) for n, loss in enumerate(losses))
    thin = thinned(replace(project, fit=replace(project.fit, checkpoints=points)), keep=5)
    assert thin.fit is not None and 13 in [point.iteration for point in thin.fit.checkpoints]


# failures while writing


class _Unwritable:
    pass


def test_a_failure_while_writing_leaves_the_old_file(project: Project, tmp_path: Path) -> None:
    path = save_project(project, tmp_path / "a.nde")
    before = path.read_bytes()
    with pytest.raises(TypeError, match="cannot be saved"):
        save_project(replace(project, layout={"dock": _Unwritable()}), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.nde"]


def test_a_place_that_cannot_be_written_is_a_sentence(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"cannot be written .* choose another place"):
        save_project(project, tmp_path / "no" / "such" / "a.nde")
    (tmp_path / "folder.nde").mkdir()
    with pytest.raises(ProjectError, match="cannot be written"):
        save_project(project, tmp_path / "folder.nde")
    assert [one.name for one in tmp_path.iterdir()] == ["folder.nde"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_kept(project: Project, tmp_path: Path) -> None:
    path = save_project(project, tmp_path / "a.nde")
    path.chmod(0o640)
    save_project(project, path)
    assert path.stat().st_mode & 0o777 == 0o640


# files that are none


def test_files_that_are_none_are_sentences(tmp_path: Path) -> None:
    path = tmp_path / "a.nde"
    with pytest.raises(ProjectError, match="there is no such file"):
        load_project(path)
    with pytest.raises(ProjectError, match=r"folder|cannot be read"):
        load_project(tmp_path)
    for content in (b"", b"hello", b"x,y\n1,2\n", b"PK"):
        path.write_bytes(content)
        with pytest.raises(ProjectError, match=r"a\.nde: (it is no project|the file is damaged)"):
            load_project(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(ProjectError, match="it is no project of NDE Studio"):
        load_project(path)


def _rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file with its project.json changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = msgspec.json.decode(members["project.json"])
    change(content)
    members["project.json"] = msgspec.json.encode(content)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_newer_file_says_so(project: Project, tmp_path: Path) -> None:
    path = save_project(project, tmp_path / "a.nde")
    _rewritten(path, lambda content: content.update(schema=SCHEMA + 6, program="9.9"))
    with pytest.raises(ProjectError, match=rf"newer NDE Studio 9\.9 \(format {SCHEMA + 6}.*update NDE Studio"):
        load_project(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("project"),
        lambda content: content.pop("objects"),
        lambda content: content.update(objects=[]),
        lambda content: content.update(objects=None),
        lambda content: content.update(project=[]),
        lambda content: content["project"].update(fit={"ref": 10**9}),
        lambda content: content["project"].update(fit={"ref": -1}),
        lambda content: content["project"].update(fit={"ref": 0}),
        lambda content: content["project"].update(accepted={"f": "first"}),
        lambda content: content["project"]["spec"]["train"].update(sed=1),
        lambda content: content["objects"][0]["trajectories"][0].update(t="../../etc/passwd"),
        lambda content: [one.update(outcome="wonderful") for one in content["objects"] if "outcome" in one],
        lambda content: [one.update(rhs=[["import", "os"]]) for one in content["objects"] if "rhs" in one],
        lambda content: [one.update(model={"ref": len(content["objects"]) - 1}) for one in content["objects"]],
        lambda content: content.update(schema="one"),
        lambda content: content.update(format="other"),
    ],
)
def test_a_forged_file_is_a_sentence(project: Project, tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = _rewritten(save_project(project, tmp_path / "a.nde"), change)
    with pytest.raises(ProjectError, match=r"a\.nde: "):
        load_project(path)


def test_a_file_with_a_formula_nested_without_end_is_a_sentence(project: Project, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        deep: Any = "x"
        for _ in range(900):
            deep = ["neg", deep]
        for one in content["objects"]:
            if "rhs" in one:
                one["rhs"] = [deep]

    path = _rewritten(save_project(project, tmp_path / "a.nde"), change)
    try:
        load_project(path)
    except ProjectError as error:
        assert "damaged" in str(error)


def _npy(header: str, data: bytes) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    "member",
    [
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b"12345678"),
        _npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"\x80\x04."),
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", b"12345678"),
        _npy("__import__('os')", b""),
        b"not an array",
        b"",
    ],
)
def test_an_array_that_lies_is_a_sentence(project: Project, tmp_path: Path, member: bytes) -> None:
    path = save_project(project, tmp_path / "a.nde")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["arrays/00000.npy"] = member
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ProjectError, match="damaged"):
        load_project(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.nde"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("project.json", "w", force_zip64=True) as member,
    ):
        for _ in range(520):
            member.write(b" " * 2**20)
    with pytest.raises(ProjectError, match="would unpack to"):
        load_project(path)


def test_a_small_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.nde"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", b"[" + b"[]," * (6 * 2**20) + b"[]]")
    assert path.stat().st_size < 10**5
    with pytest.raises(ProjectError, match="would unpack to 18 MiB, which no project does"):
        load_project(path)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_damage_raises_anything_but_a_project_error(project: Project, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.nde"
    if not (tmp_path / "whole").exists():
        save_project(project, path)
        (tmp_path / "whole").write_bytes(path.read_bytes())
    whole = bytearray((tmp_path / "whole").read_bytes())
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        load_project(path)
    except ProjectError as error:
        assert str(error).startswith(str(path))


# formulas

NUMBERS = st.floats(allow_nan=False).map(Number)
NAMES = st.sampled_from(["x", "k_1", "pi", "t", "neg", "call"]).map(Name)
FORMULAS: st.SearchStrategy[Expr] = st.recursive(
    NUMBERS | NAMES,
    lambda inner: (
        st.builds(Negate, inner)
        | st.builds(Binary, st.sampled_from("+-*/^"), inner, inner)
        | st.builds(Call, st.sampled_from([*BUILT_IN, "neural_term"]), st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=12,
)


@given(FORMULAS)
def test_formulas_round_trip_exactly(expr: Expr) -> None:
    assert decode_expression(msgspec.json.decode(msgspec.json.encode(encode_expression(expr)))) == expr


# migrations


def test_migrations_are_applied_in_order_up_to_the_current_number() -> None:
    steps = {
        1: lambda content: {**content, "log": [*content["log"], 1]},
        2: lambda content: {**content, "log": [*content["log"], 2]},
    }
    assert migrate({"schema": 1, "log": []}, schema=3, steps=steps) == {"schema": 3, "log": [1, 2]}
    assert migrate({"schema": 2, "log": []}, schema=3, steps=steps) == {"schema": 3, "log": [2]}
    assert migrate({"schema": 3, "log": []}, schema=3, steps=steps) == {"schema": 3, "log": []}
    with pytest.raises(ProjectError, match="too old"):
        migrate({"schema": 1}, schema=3, steps={2: lambda content: content})


def test_every_older_format_has_a_step() -> None:
    from ndestudio.project.migrations import STEPS

    assert set(STEPS) == set(range(1, SCHEMA))


def test_what_doses_add_and_encoders_are_kept(tmp_path: Path) -> None:
    from ndestudio.data.dataset import Column, Dataset, Dose, Trajectory
    from ndestudio.fitting.latent.coordinates import coordinates
    from ndestudio.fitting.latent.encoder import fresh_encoder
    from ndestudio.fitting.latent.history import history_scales
    from ndestudio.fitting.latent.predict import predict_run
    from ndestudio.fitting.latent.result import FutureScores, LatentFit, StartPriors
    from ndestudio.fitting.metrics import Metrics
    from ndestudio.fitting.result import Fit, Outcome
    from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
    from ndestudio.model.initial import initial_model
    from ndestudio.solve.device import Device

    t = np.arange(4.0)
    part, doses = np.zeros(4, dtype=np.int8), (Dose(2.0, 3.0),)
    run = Trajectory("a", t, np.ones((4, 1)), np.zeros((4, 0)), part, doses=doses)
    data = Dataset((run,), Column("t", "t"), (Column("x", "x"),))
    config = ModelConfig(
        equations="d(x)/dt = -k*x\nat doses: x += amount",
        parameters={"k": ParameterConfig(value=0.5)},
        initial={"x": InitialConfig(encoder="history")},
    )
    model = initial_model(config, data, 0)
    scales = history_scales(data, 1.5, np.array([False]))
    known = StartPriors(*coordinates(model.config, ("x",), np.ones(1)))
    weights = fresh_encoder("gru", 3, 1, 1, 1, 0)
    future = {"test": FutureScores(0.5, 0.2, 0.9, 1, 3)}
    latent = LatentFit(("x",), "gru", "elbo", weights, known, scales, {"x": 0.1}, future=future, steps=16, draws=50)
    fit = Fit(Outcome.CONVERGED, "", model, Metrics(), 0, Device("cpu", "a"), latent=latent)
    save_project(Project(dataset=data, fit=fit), tmp_path / "a.nde")
    found = load_project(tmp_path / "a.nde")
    assert same(found.fit, fit)
    assert found.fit.model.system.events == model.system.events
    again = predict_run(found.fit.model, found.fit.latent, found.dataset.trajectories[0])
    assert np.array_equal(again.mean, predict_run(model, latent, run).mean)
