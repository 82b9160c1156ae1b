"""FMUs: valid, the same trajectories in fmpy, derivatives, jumps of inputs, states kept, and what is refused."""

from __future__ import annotations

import ctypes
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.export.fmu import binaries
from ndestudio.export.fmu.host import Two
from ndestudio.export.fmu.platforms import PLATFORMS
from ndestudio.export.fmu.units import BaseUnit, base_unit, rate_unit
from ndestudio.solve.scipy_reference import simulate
from tests.export.test_conformance import Case, conditions, known, model

FORMS = {"fmu": 2, "fmu3": 3}


def unpacked(case: Case, form: str, folder: Path) -> Path:
    made = artefact(case[0], form, dataset=case[1])
    path = folder / f"{form}.fmu"
    path.write_bytes(made.payload)
    return path


def instance(path: Path, version: int) -> tuple[Any, dict[str, int]]:
    """An initialised instance by fmpy, and its description."""
    fmpy = pytest.importorskip("fmpy")
    from fmpy.simulation import instantiate_fmu

    described = fmpy.read_model_description(str(path), validate=False)
    folder = fmpy.extract(str(path), unzipdir=str(path.with_suffix("")))
    found: Any = instantiate_fmu(folder, described, "CoSimulation")
    if version == 2:
        found.setupExperiment(startTime=0.0)
    found.enterInitializationMode()
    found.exitInitializationMode()
    return found, {one.name: one.valueReference for one in described.modelVariables}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_valid_and_declares_units(form: str, predator_prey: Case, tmp_path: Path) -> None:
    path = unpacked(predator_prey, form, tmp_path)
    with zipfile.ZipFile(path) as archive:
        root = ElementTree.fromstring(archive.read("modelDescription.xml"))
        names = archive.namelist()
    assert {"sources/model.c", "sources/nde.h", "resources/model.bin"} <= set(names)
    units = {one.get("name"): one.find("BaseUnit") for one in root.findall("UnitDefinitions/Unit")}
    assert set(units) == {"year", "thousand pelts", "thousand pelts/year", "1/year"}
    assert units["thousand pelts"] is None, "what pelts are, nobody knows"
    assert units["1/year"] is not None and units["1/year"].get("s") == "-1"
    assert float(units["1/year"].get("factor", "")) * 31557600.0 == pytest.approx(1.0, rel=1e-14)
    validation = pytest.importorskip("fmpy.validation")
    assert validation.validate_fmu(str(path)) == []


@pytest.mark.parametrize("kind", ["ModelExchange", "CoSimulation"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", [known, conditions])
def test_fmpy_simulates_what_we_do(case: Callable[[], Case], form: str, kind: str, tmp_path: Path) -> None:
    fmpy = pytest.importorskip("fmpy")
    subject, data = case()
    times = data.trajectories[0].t
    found = fmpy.simulate_fmu(
        str(unpacked((subject, data), form, tmp_path)),
        fmi_type=kind,
        start_values={"measured_inputs": True} if subject.system.inputs else {},
        output=list(subject.system.states),
        output_interval=float(times[1] - times[0]),
        stop_time=float(times[-1]),
        relative_tolerance=1e-10,
        validate=False,
        record_events=False,
    )
    last = np.append(np.diff(found["time"]) > 0, True)
    t, states = found["time"][last], np.stack([found[name][last] for name in subject.system.states], axis=1)
    from ndestudio.export.content import content

    track = content(subject, data).tracks[0]
    inner = t < times[-1]
    expected = simulate(subject, t[inner], track.initial, track.control, rtol=1e-10, atol=1e-12, events=track.events)
    np.testing.assert_allclose(states[inner], expected.states, rtol=1e-6, atol=3e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["driven", "epidemic"])
def test_directional_derivatives(which: str, form: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    subject, data = request.getfixturevalue(which)
    unit, places = instance(unpacked((subject, data), form, tmp_path), FORMS[form])
    get, put = (unit.getReal, unit.setReal) if form == "fmu" else (unit.getFloat64, unit.setFloat64)
    ask = unit.getDirectionalDerivative
    system = subject.system
    unknown = [places[f"der({name})"] for name in system.states] + [places[name] for name in system.outputs]
    rng = np.random.default_rng(0)
    for name in (*system.states, *system.inputs, *system.parameters):
        put([places[name]], [float(rng.uniform(0.2, 1.2))])
    for name in (*system.states, *system.inputs, *system.parameters):
        place = [places[name]]
        (here,) = get(place)
        step = 1e-6 * max(1.0, abs(here))
        sides = []
        for moved in (here + step, here - step):
            put(place, [moved])
            sides.append(np.array(list(get(unknown))))
        put(place, [here])
        exact = np.array(list(ask(unknown, place, [1.0])))
        np.testing.assert_allclose(exact, (sides[0] - sides[1]) / (2 * step), rtol=2e-6, atol=2e-7, err_msg=name)
    unit.freeInstance()


@pytest.mark.parametrize("kind", ["ModelExchange", "CoSimulation"])
@pytest.mark.parametrize("form", FORMS)
def test_inputs_that_jump_come_from_outside(form: str, kind: str, tmp_path: Path) -> None:
    fmpy = pytest.importorskip("fmpy")
    t = np.linspace(0.0, 4.0, 9)
    data = dataset_from_arrays(t, np.zeros((9, 1)), names=["x"], inputs=np.ones(9), input_names=["u"])
    subject = model("d(x)/dt = k*(u - x)\ny = 2*x + u", data, {"k": 0.8}, {"x": 0.5})
    driving = np.array(
        [(0.0, 1.0), (1.5, 1.0), (1.5, -2.0), (3.0, -2.0), (3.0, 0.5), (4.0, 0.5)],
        dtype=[("time", float), ("u", float)],
    )
    found = fmpy.simulate_fmu(
        str(unpacked((subject, data), form, tmp_path)),
        fmi_type=kind,
        input=driving,
        output=["x"],
        output_interval=0.5,
        stop_time=4.0,
        relative_tolerance=1e-10,
        validate=False,
    )
    last = np.append(np.diff(found["time"]) > 0, True)
    x, before, expected = 0.5, 0.0, {0.0: 0.5}
    for until, u in ((1.5, 1.0), (3.0, -2.0), (4.0, 0.5)):
        for time in np.arange(before + 0.5, until + 0.1, 0.5):
            expected[float(time)] = u + (x - u) * np.exp(-0.8 * (time - before))
        x, before = expected[until], until
    rows = {float(time): value for time, value in zip(found["time"][last], found["x"][last], strict=True)}
    assert set(expected) <= set(rows)
    np.testing.assert_allclose([rows[time] for time in expected], list(expected.values()), rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_state_is_kept_and_put_back(form: str, tmp_path: Path) -> None:
    subject, data = conditions()
    unit, places = instance(unpacked((subject, data), form, tmp_path), FORMS[form])
    references = [places[name] for name in subject.system.states]
    read = lambda: list((unit.getReal if form == "fmu" else unit.getFloat64)(references))  # noqa: E731
    unit.doStep(0.0, 0.9)
    state = (unit.getFMUstate if form == "fmu" else unit.getFMUState)()
    frozen = (unit.serializeFMUstate if form == "fmu" else unit.serializeFMUState)(state)
    unit.doStep(0.9, 1.3)
    first = read()
    (unit.setFMUstate if form == "fmu" else unit.setFMUState)(state)
    unit.doStep(0.9, 1.3)
    assert read() == first
    again = (unit.deSerializeFMUstate if form == "fmu" else unit.deserializeFMUState)(frozen)
    (unit.setFMUstate if form == "fmu" else unit.setFMUState)(again)
    unit.doStep(0.9, 1.3)
    assert read() == first
    unit.freeInstance()


def test_a_damaged_table_is_refused(predator_prey: Case, tmp_path: Path) -> None:
    with zipfile.ZipFile(unpacked(predator_prey, "fmu", tmp_path)) as archive:
        archive.extractall(tmp_path)
    root = ElementTree.parse(tmp_path / "modelDescription.xml").getroot()
    library = ctypes.CDLL(str(next((tmp_path / "binaries" / "linux64").iterdir())))
    table = tmp_path / "resources" / "model.bin"
    good, rng, refused = table.read_bytes(), np.random.default_rng(1), 0
    for _ in range(200):
        damaged = bytearray(good)
        for place in rng.integers(16, len(good), 3):
            damaged[place] = rng.integers(256)
        table.write_bytes(bytes(damaged[: rng.integers(8, len(good))]) if rng.random() < 0.3 else bytes(damaged))
        try:
            Two(library, root, tmp_path / "resources", 0.0, 1.0)
        except SystemExit:
            refused += 1
    assert refused > 100
    table.write_bytes(good)
    Two(library, root, tmp_path / "resources", 0.0, 1.0)


def test_libraries_lie_where_importers_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in PLATFORMS:
        (tmp_path / one.name).mkdir()
        head = struct.pack("<III", 0xFEEDFACF, 0x0100000C if "aarch64" in one.name else 0x01000007, 3)
        (tmp_path / one.name / f"model{one.ending}").write_bytes(head + one.name.encode())
    monkeypatch.setattr(binaries, "fmu_binaries", lambda: tmp_path)
    assert set(binaries.binaries(3, "m")) == {f"binaries/{one.name}/m{one.ending}" for one in PLATFORMS}
    former = binaries.binaries(2, "m")
    assert set(former) == {"binaries/linux64/m.so", "binaries/win64/m.dll", "binaries/darwin64/m.dylib"}
    both = former["binaries/darwin64/m.dylib"]
    assert struct.unpack_from(">II", both) == (0xCAFEBABE, 2)
    for k, name in enumerate((b"x86_64-darwin", b"aarch64-darwin")):
        _, _, at, size, _ = struct.unpack_from(">IIIII", both, 8 + 20 * k)
        assert both[at : at + size].endswith(name)
    monkeypatch.setattr(binaries, "fmu_binaries", lambda: None)
    with pytest.raises(ExportError, match="make fmu"):
        binaries.binaries(2, "m")


def test_units_are_those_of_the_si() -> None:
    assert base_unit("mg/L") == BaseUnit((("kg", 1), ("m", -3)), 1e-3)
    assert base_unit("degC") == BaseUnit((("K", 1),), 1.0, 273.15)
    assert base_unit("cells/mL") is None and base_unit("pelts") is None and base_unit("kg^0.5") is None
    assert base_unit(rate_unit("mmol/L", "h")) == BaseUnit(
        (("m", -3), ("s", -1), ("mol", 1)), float(f"{1 / 3600:.15g}")
    )
    assert rate_unit("", "h") == rate_unit("m", "") == ""
