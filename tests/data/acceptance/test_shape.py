"""Tables of other shapes than one column for each quantity: read as what they are, or asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.data.config import DataConfig, DoseConfig
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.data.decisions import Decision
from ndestudio.data.file_preview import preview
from ndestudio.data.loading import load
from ndestudio.errors import DataError

N = float("nan")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "readers"


def read(folder: Path, text: str, name: str = "table.csv", **settings: Any) -> Dataset:
    (folder / name).write_text(text)
    return load(DataConfig(files=(name,), **settings), base=folder)


def asked(folder: Path, text: str, **settings: Any) -> Decision:
    with pytest.raises(DataError) as caught:
        read(folder, text, **settings)
    assert isinstance(caught.value.decision, Decision), caught.value
    assert caught.value.decision.open
    return caught.value.decision


def holds(data: Dataset, name: str, t: Sequence[float], **values: Sequence[float]) -> None:
    """Check the rows of one trajectory: all its times, and the named columns."""
    trajectory = data.trajectory(name)
    np.testing.assert_allclose(trajectory.t, t)
    for column, expected in values.items():
        np.testing.assert_allclose(trajectory.measured[:, data.measured_names.index(column)], expected, err_msg=column)


def inputs(data: Dataset, name: str) -> Mapping[str, float]:
    trajectory = data.trajectory(name)
    return {column: float(trajectory.inputs[0, k]) for k, column in enumerate(data.input_names)}


LONG = "day,quantity,reading\n0,glucose,20\n0,biomass,0.1\n2,glucose,15\n2,biomass,0.4\n4,glucose,3\n4,biomass,1.6\n"


def test_a_long_table_has_a_column_for_each_quantity(tmp_path: Path) -> None:
    data = read(tmp_path, LONG)
    assert data.measured_names == ("glucose", "biomass")
    holds(data, "table", [0, 2, 4], glucose=[20, 15, 3], biomass=[0.1, 0.4, 1.6])
    shape = next(one for one in data.decisions if one.topic == "shape")
    assert shape.certain and shape.choices[0].changes["shape"] == "long"


def test_quantities_with_times_of_their_own_leave_gaps(tmp_path: Path) -> None:
    text = "time,analyte,value\n0,A,1\n1,A,2\n3,A,3\n0,B [mM],5\n2,B [mM],6\n3,B [mM],7\n"
    data = read(tmp_path, text)
    holds(data, "table", [0, 1, 2, 3], A=[1, 2, N, 3], B=[5, N, 6, 7])
    assert data.measured[1].unit == "mM"


def test_what_the_settings_say_of_a_quantity_holds(tmp_path: Path) -> None:
    text = LONG + "0,temp,30\n4,temp,37\n"
    data = read(tmp_path, text, states=("biomass",), inputs=("temp",), names={"biomass": "X"}, weights={"biomass": 2.0})
    assert data.measured_names == ("X",) and data.input_names == ("temp",) and data.weights == {"X": 2.0}
    np.testing.assert_allclose(data.trajectories[0].inputs[:, 0], [30, N, 37])
    with pytest.raises(DataError, match=r"no column `bimass` \(named under state column\); did you mean `biomass`"):
        read(tmp_path, text, states=("bimass",))
    wide = read(tmp_path, text, shape="wide", trajectory="quantity")
    assert [one.name for one in wide.trajectories] == ["glucose", "biomass", "temp"]


def test_quantities_beyond_the_rows_that_are_looked_at_first_are_found(tmp_path: Path) -> None:
    rows = "".join(f"{i},a,{i % 7}\n" for i in range(40_000)) + "0,b,1\n9,b,4\n"
    data = read(tmp_path, "time,variable,value\n" + rows)
    assert data.measured_names == ("a", "b")
    assert np.isfinite(data.trajectories[0].measured).sum(axis=0).tolist() == [40_000, 2]


def test_a_long_table_with_runs_deviations_and_covariates(tmp_path: Path) -> None:
    rows = ["mouse,sex,time,analyte,value,sd"]
    for mouse, sex in (("m1", "f"), ("m2", "m"), ("m3", "f")):
        for t in (0, 1, 2):
            rows += [f"{mouse},{sex},{t},u,{t + 1},0.1", f"{mouse},{sex},{t},v,{5 - t},0.2"]
    data = read(tmp_path, "\n".join(rows) + "\n")
    holds(data, "m2", [0, 1, 2], u=[1, 2, 3], v=[5, 4, 3])
    deviation = data.trajectory("m3").deviation
    assert deviation is not None
    np.testing.assert_allclose(deviation, [[0.1, 0.2]] * 3)
    assert [inputs(data, one)["sex"] for one in ("m1", "m2", "m3")] == [0, 1, 0]
    assert any("`f` = 0, `m` = 1" in note for note in data.notes)


def test_a_column_that_names_quantities_or_runs_is_asked_about(tmp_path: Path) -> None:
    text = "time,zone,value\n0,up,1\n1,up,2\n2,up,3\n0,down,4\n1,down,3\n2,down,1\n"
    found = asked(tmp_path, text)
    assert [choice.changes for choice in found.choices] == [
        {"shape": "long", "observable": "zone", "value": "value"},
        {"shape": "wide", "trajectory": "zone"},
    ]
    long = read(tmp_path, text, shape="long", observable="zone", value="value")
    assert long.measured_names == ("up", "down")
    assert preview(tmp_path / "table.csv").problems[0].decision == found


def test_a_petab_table(tmp_path: Path) -> None:
    text = (
        "observableId\tpreequilibrationConditionId\tsimulationConditionId\tmeasurement\ttime\tnoiseParameters\tdatasetId\n"
        "pA\t\tlow\t1\t0\t0.1\td1\npA\t\tlow\t2\t5\t0.1\td1\npB\t\tlow\t7\t5\t0.3\td1\n"
        "pA\t\thigh\t3\t0\t0.1\td2\npA\t\thigh\t4\t5\t0.1\td2\npB\t\thigh\t8\t5\t0.3\td2\n"
    )
    data = read(tmp_path, text, name="table.tsv")
    holds(data, "low", [0, 5], pA=[1, 2], pB=[N, 7])
    holds(data, "high", [0, 5], pA=[3, 4], pB=[N, 8])
    deviation = data.trajectory("high").deviation
    assert deviation is not None and deviation[1].tolist() == [0.1, 0.3]


def test_a_petab_table_with_replicates_and_rows_in_no_order(tmp_path: Path) -> None:
    text = "observableId\tsimulationConditionId\ttime\tmeasurement\treplicateId\n"
    text += "".join(f"p\tc\t{t}\t{t + k}\tr{k}\n" for k in (1, 2) for t in (5, 0, 10))
    data = read(tmp_path, text, name="table.tsv")
    holds(data, "c/r1", [0, 5, 10], p=[1, 6, 11])
    holds(data, "c/r2", [0, 5, 10], p=[2, 7, 12])


DOSED = """ID,TIME,AMT,RATE,ADDL,II,CMT,DV,DVID,EVID,MDV,AGE
1,0,50,25,2,12,1,0,1,1,1,33
1,0,.,.,.,.,2,0.5,1,0,0,33
1,1,.,.,.,.,2,3.5,1,0,0,33
1,1,.,.,.,.,3,90,2,0,0,33
1,6,.,.,.,.,2,2.5,1,0,0,33
2,0,60,0,0,0,1,.,1,1,1,41
2,2,.,.,.,.,2,4.5,1,0,0,41
2,3,.,.,.,.,3,80,2,0,0,41
2,9,.,.,.,.,2,1.5,1,0,1,41
"""


def test_doses_are_no_measurements(tmp_path: Path) -> None:
    data = read(tmp_path, DOSED)
    assert data.measured_names == ("DV_1", "DV_2") and data.input_names == ("AGE",)
    holds(data, "1", [0, 1, 6], DV_1=[0.5, 3.5, 2.5], DV_2=[N, 90, N])
    first = Dose(0.0, 50.0, rate=25.0, duration=2.0, compartment="1", interval=12.0)
    assert data.trajectory("1").doses == tuple(
        Dose(t, 50.0, rate=25.0, duration=2.0, compartment="1", interval=12.0) for t in (0.0, 12.0, 24.0)
    )
    assert data.trajectory("1").doses[0] == first
    assert data.trajectory("2").doses == (Dose(0.0, 60.0, compartment="1"),)
    holds(data, "2", [2, 3, 9], DV_1=[4.5, N, N], DV_2=[N, 80, N])
    assert inputs(data, "2") == {"AGE": 41}
    assert any("4 doses in 2 trajectories" in note for note in data.notes)


def test_doses_without_a_column_of_events_and_with_other_names(tmp_path: Path) -> None:
    text = "ID;TIME;AMT;TINF;ADM;SS;II;Y;YTYPE\n"
    text += "a;0;10;2;1;1;8;.;.\na;1;.;.;.;.;.;3.0;1\na;4;.;.;.;.;.;2.0;1\na;5;.;.;.;.;.;7;2\n"
    text += "b;0;20;2;1;0;0;.;.\nb;1;.;.;.;.;.;6.0;1\nb;4;.;.;.;.;.;4.0;1\nb;5;.;.;.;.;.;9;2\n"
    data = read(tmp_path, text)
    holds(data, "a", [1, 4, 5], Y_1=[3, 2, N], Y_2=[N, N, 7])
    assert data.trajectory("a").doses == (Dose(0.0, 10.0, 5.0, 2.0, "1", steady_state=1, interval=8.0),)
    plain = read(tmp_path, "time,dose,x\n0,5,1\n1,5,2\n2,5,3\n")
    assert plain.trajectories[0].doses == ()


def test_doses_can_be_named_or_refused(tmp_path: Path) -> None:
    text = "time,given,x\n0,5,\n1,0,2\n2,0,3\n3,4,\n4,0,1\n"
    data = read(tmp_path, text, doses=DoseConfig(amount="given"))
    assert [(one.time, one.amount) for one in data.trajectories[0].doses] == [(0, 5), (3, 4)]
    none = read(tmp_path, "TIME,AMT,DV\n0,5,1\n1,0,2\n2,0,3\n", doses=DoseConfig(amount="", event=""))
    assert none.measured_names == ("AMT", "DV") and not none.trajectories[0].doses


def test_replicates_in_columns(tmp_path: Path) -> None:
    text = "hour,OD rep1,OD rep2,OD rep3,pH\n0,0.10,0.12,0.11,7\n1,0.22,0.20,,6.8\n2,0.41,0.45,0.43,6.5\n"
    data = read(tmp_path, text)
    assert data.measured_names == ("OD", "pH") and [one.name for one in data.trajectories] == ["rep1", "rep2", "rep3"]
    holds(data, "rep3", [0, 1, 2], OD=[0.11, N, 0.43], pH=[N, N, N])
    mean = read(tmp_path, text, replicates="mean")
    holds(mean, "table", [0, 1, 2], OD=[0.11, 0.21, 0.43], pH=[7, 6.8, 6.5])
    deviation = mean.trajectories[0].deviation
    assert deviation is not None
    common = np.mean([0.01**2, 0.0002, 0.02**2])
    own = np.array([0.01**2, 0.0002, 0.02**2])
    assert (deviation[:, 0] < np.sqrt(np.maximum(own, common))).all()
    assert len(read(tmp_path, text, replicates="states").measured) == 4
    wells = "time,A1,A2,B1,B2\n0,1,2,3,4\n1,2,3,4,5\n"
    assert read(tmp_path, wells).measured_names == ("A1", "A2", "B1", "B2")
    assert read(tmp_path, wells, replicates="mean").measured_names == ("A", "B")


def test_replicates_in_rows(tmp_path: Path) -> None:
    text = "time,x\n0,1.0\n0,1.2\n1,2.0\n1,2.4\n2,3.0\n3,4.0\n3,4.4\n"
    data = read(tmp_path, text)
    holds(data, "table/1", [0, 1, 2, 3], x=[1.0, 2.0, 3.0, 4.0])
    holds(data, "table/2", [0, 1, 3], x=[1.2, 2.4, 4.4])
    decision = next(one for one in data.decisions if one.topic == "shape")
    assert not decision.certain and [one.changes for one in decision.choices] == [
        {"replicates": "trajectories"},
        {"replicates": "mean"},
    ]
    mean = read(tmp_path, text, replicates="mean")
    holds(mean, "table", [0, 1, 2, 3], x=[1.1, 2.2, 3.0, 4.2])
    few = "time,x\n0,1\n1,2\n1,3\n2,4\n3,5\n4,6\n"
    assert [one.changes for one in asked(tmp_path, few).choices][:2] == [
        {"replicates": "mean"},
        {"replicates": "trajectories"},
    ]


def test_rows_that_complete_each_other_are_one(tmp_path: Path) -> None:
    data = read(tmp_path, "time,x,y\n0,1,\n0,,5\n1,2,\n1,,6\n3,4,7\n")
    holds(data, "table", [0, 1, 3], x=[1, 2, 4], y=[5, 6, 7])


def test_an_input_that_steps_between_two_rows_at_one_time(tmp_path: Path) -> None:
    text = "time,x,feed\n0,0,3\n2,5,3\n2,,0\n4,4,0\n5,3,0\n5,3,2\n6,4,2\n"
    data = read(tmp_path, text, states=("x",), inputs=("feed",))
    holds(data, "table", [0, 2, 4, 5, 6], x=[0, 5, 4, 3, 4])
    path = data.trajectories[0].control
    np.testing.assert_allclose(path([1.0, 2.0, 3.0, 5.0, 5.5]).ravel(), [3, 0, 0, 2, 2])
    np.testing.assert_allclose(path([2.0, 5.0], left=True).ravel(), [3, 0])
    np.testing.assert_allclose(path.jumps, [2, 5])
    assert any("`feed` before and after a step (at 2, 5)" in note for note in data.notes)
    choices = [one.changes for one in asked(tmp_path, "time,x,u\n0,1,3\n2,5,3\n2,5,0\n4,4,0\n5,3,0\n6,3,0\n").choices]
    assert {"inputs": ("u",)} in choices


def test_several_columns_name_a_run_together(tmp_path: Path) -> None:
    rows = ["strain,replicate,temperature,hour,OD"]
    for strain, temperature in (("wt", 30), ("mut", 37)):
        for replicate in (1, 2):
            rows += [f"{strain},{replicate},{temperature},{hour},{hour + replicate}" for hour in (0, 1, 2)]
    data = read(tmp_path, "\n".join(rows) + "\n")
    assert [one.name for one in data.trajectories] == ["wt/1", "wt/2", "mut/1", "mut/2"]
    holds(data, "mut/2", [0, 1, 2], OD=[2, 3, 4])
    assert inputs(data, "mut/1") == {"temperature": 37}
    named = read(tmp_path, "\n".join(rows) + "\n", trajectory=("replicate", "strain"))
    assert named.trajectories[0].name == "1/wt"


def test_columns_that_are_no_measurements_are_left_out(tmp_path: Path) -> None:
    rows = ["record,time,clock_time,x,x_QC,flag,office,remarks"]
    rows += [f"{500 + i},{i},{100 + 2 * i},{i * i},{i % 2},{'ok' if i % 3 else 'bad'},here,see {i}" for i in range(9)]
    data = read(tmp_path, "\n".join(rows) + "\n")
    assert data.measured_names == ("x",) and len(data.trajectories) == 1 and not data.inputs
    for label, why in {
        "record": "only counts the rows",
        "clock_time": "is another clock beside `time`",
        "x_QC": "says how good other values are",
        "office": "holds the same text in all rows",
    }.items():
        assert any(f"`{label}` {why}" in note for note in data.notes), (label, data.notes)


def test_a_column_without_a_name_keeps_its_unit(tmp_path: Path) -> None:
    data = read(tmp_path, "Strain A;;Strain B\n;OD;OD\nh;-;-\n0;0,1;0,2\n1;0,2;0,4\n2;0,4;0,8\n3;0,7;1,2\n")
    assert (data.time.label, data.time.unit) == ("column_1", "h")


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("time,x,y\n0,1,5\n1,-9999,5.1\n2,0.6,5.3\n3,0.5,5.2\n4,0.4,-9999\n", {"x": (-9999,), "y": (-9999,)}),
        ("time,co\n0,800\n1,-200\n2,900\n3,1200\n4,-200\n5,1100\n", {"co": (-200,)}),
        ("time,a\n0,12\n1,13\n2,999.9\n3,14\n4,999.9\n5,12\n", {"a": (999.9,)}),
        ("time,a\n0,1e20\n1,280.5\n2,281\n3,280\n4,279\n", {"a": (1e20,)}),
        ("time,a\n0,1.2\n1,-999\n2,1.5\n3,1.7\n", {"a": (-999,)}),
        ("time,co2\n0,412\n1,-9999\n2,415\n", {"co2": (-9999,)}),
        ("time,p\n0,1013\n1,1012\n2,-999\n3,1010\n", {"p": (-999,)}),
        ("time,a\n0,280.5\n1,1e20\n2,281\n", {"a": (1e20,)}),
        ("time,rain\n0,0\n1,0\n2,-9999\n3,0\n4,0\n", {"rain": (-9999,)}),
        ("time,a,b\n0,1,-9999\n1,2,-9999\n2,4,-9999\n3,3,-9999\n", {"b": (-9999,)}),
        ("time,a\n0,1.2\n1,-9\n2,1.5\n3,1.7\n", {}),
        ("time,a\n0,0\n1,0\n2,99\n3,99\n4,0\n", {}),
        ("time,a\n0,1\n1,10\n2,100\n3,999\n", {}),
        ("time,a,b\n0,1,9999\n1,2,9999\n2,4,9999\n3,3,9999\n", {}),
        ("time,v\n0,-70\n1,40\n2,-99\n", {}),
        ("time,a\n0,-3\n1,-9\n2,-4\n3,5\n4,2\n", {}),
        ("time,n\n0,12\n1,25\n2,50\n3,99\n4,200\n", {}),
        ("time,n\n0,9\n1,99\n2,990\n3,9999\n4,20000\n", {}),
        ("time,n\n0,900\n1,930\n2,960\n3,999\n4,1030\n", {}),
    ],
)
def test_marks_of_missing_values_are_asked_about(tmp_path: Path, text: str, marks: Mapping[str, Any]) -> None:
    if not marks:
        assert np.isfinite(read(tmp_path, text).trajectories[0].measured).all()
        return
    found = asked(tmp_path, text)
    assert found.choices[0].changes == {"sentinels": marks}
    first = next(iter(marks))
    missing = read(tmp_path, text, sentinels=marks)
    names = missing.measured_names
    gone = first not in names and "has no value" in " ".join(missing.notes)
    assert gone or np.isnan(missing.trajectories[0].measured[:, names.index(first)]).any()
    for position, choice in enumerate(found.choices):  # what was said can be seen and changed
        shown = preview(tmp_path / "table.csv", DataConfig(**choice.changes)).decisions  # type: ignore[arg-type]
        settled = next(one for one in shown if one.topic == "missing")
        assert settled.chosen == position
        assert [one.changes for one in settled.choices] == [one.changes for one in found.choices]
    values = read(tmp_path, text, **found.choices[1].changes)
    assert np.isfinite(values.trajectories[0].measured).all()
    assert preview(tmp_path / "table.csv").problems[0].decision == found


def test_the_format_says_what_marks_a_missing_value(tmp_path: Path) -> None:
    text = "TIMESTAMP_START,TIMESTAMP_END,CO2\n1,2,410\n2,3,-9999\n3,4,411\n"
    data = read(tmp_path, text)
    holds(data, "table", [1, 2, 3], CO2=[410, N, 411])
    daily = read(tmp_path, "TIMESTAMP,TA_F,SW_IN_F\n1,12,410\n2,13,-9999\n3,14,411\n")
    holds(daily, "table", [1, 2, 3], TA_F=[12, 13, 14], SW_IN_F=[410, N, 411])


def test_cells_beyond_a_limit_are_asked_about(tmp_path: Path) -> None:
    text = "time,conc\n0,<0.2\n1,1.5\n2,n.d.\n3,0.9\n4,> 20\n5,<0.2\n6,<0.2\n"
    found = asked(tmp_path, text)
    assert [one.changes for one in found.choices] == [{"below": one} for one in ("censored", "missing", "limit")]
    holds(read(tmp_path, text, below="missing"), "table", range(7), conc=[N, 1.5, N, 0.9, N, N, N])
    holds(read(tmp_path, text, below="limit"), "table", range(7), conc=[0.2, 1.5, N, 0.9, 20, 0.2, 0.2])
    assert [one.decision for one in preview(tmp_path / "table.csv").problems] == [found]


def test_dates_across_the_header(tmp_path: Path) -> None:
    text = "Place,County,Lat,1/30/21,1/31/21,2/1/21,2/2/21\n,Upper,1.5,1,2,4,8\nBay,Lower,2.5,3,,5,6\n"
    data = read(tmp_path, text)
    holds(data, "Upper", [0, 1, 2, 3], value=[1, 2, 4, 8])
    holds(data, "Bay/Lower", [0, 1, 2, 3], value=[3, N, 5, 6])
    assert data.time.unit == "d" and inputs(data, "Bay/Lower") == {"Lat": 2.5}
    named = read(tmp_path, text, value="cases", names={"cases": "C"}, units={"cases": "persons"})
    assert named.measured_names == ("C",) and named.measured[0].unit == "persons"
    roles = [column.role for column in preview(tmp_path / "table.csv").columns]
    assert roles == ["trajectory", "trajectory", "covariate", *["value"] * 4]


def test_numbers_across_the_header(tmp_path: Path) -> None:
    wells = "well;0 h;6 h;12 h\nA1;0,1;0,2;0,4\nA2;0,1;0,25;0,5\n"
    data = read(tmp_path, wells)
    holds(data, "A2", [0, 6, 12], value=[0.1, 0.25, 0.5])
    assert data.time.unit == "h"
    years = "Country,Code,Indicator Name,1990,1991,1992\nX,XX,Births,1,2,3\nX,XX,Deaths,4,5,6\nY,YY,Births,7,8,9\nY,YY,Deaths,3,2,1\n"
    data = read(tmp_path, years)
    holds(data, "Y", [1990, 1991, 1992], Births=[7, 8, 9], Deaths=[3, 2, 1])
    assert len(data.trajectories) == 2 and data.time.unit == "year"
    bare = read(tmp_path, "sample,0,10,20,30\nA,1,2,3,4\nB,2,3,4,5\n")
    holds(bare, "B", [0, 10, 20, 30], value=[2, 3, 4, 5])
    quantities = "time,x1,x2,x3\n0,1,2,3\n1,2,3,4\n2,3,4,5\n"
    assert read(tmp_path, quantities).measured_names == ("x1", "x2", "x3")


def test_a_shape_that_a_table_cannot_have_is_told(tmp_path: Path) -> None:
    for shape in ("long", "dates across"):
        with pytest.raises(DataError, match=f"cannot be read as `{shape}`"):
            read(tmp_path, "time,x\n0,1\n1,2\n2,3\n", shape=shape)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared inputs are not here")
def test_the_shared_tables_of_other_shapes() -> None:
    def shared(name: str, **settings: Any) -> Dataset:
        return load(DataConfig(files=(str(SHARED / name),), **settings))

    petab = shared("petab.tsv")
    holds(petab, "cond1", [0, 1, 2], obs_a=[1, 0.7, 0.5], obs_b=[0.05, 0.31, 0.48])
    long = shared("long_variable_value.csv")
    holds(long, "long_variable_value", [0, 1, 2], prey=[30, 47, 70], pred=[4, 6, 10])
    jhu = shared("jhu_wide.csv")
    for name, values in {"Northland": [1, 2, 4, 7], "Southland": [0, 1, 1, 3], "Isle/Westland": [5, 6, 9, 13]}.items():
        holds(jhu, name, [0, 1, 2, 3], value=values)
    mean = shared("replicates_wide.csv", replicates="mean")
    holds(mean, "replicates_wide", [0, 1, 2, 3], value=[1.00333333, 1.41, 1.94666667, 2.62])
    deviation = mean.trajectories[0].deviation
    assert deviation is not None
    np.testing.assert_allclose(deviation[:, 0], [0.01344, 0.02008, 0.02728, 0.03893], atol=5e-6)
    assert len(shared("replicates_wide.csv").trajectories) == 3
    zero = shared("nonmem_zero_dv.csv")
    holds(zero, "1", [0, 1, 4, 12, 13], DV=[N, 4.1, 1.9, N, 5.6])
    assert [(one.time, one.amount) for one in zero.trajectory("1").doses] == [(0, 100), (12, 100)]
    assert [inputs(zero, name) for name in ("1", "2")] == [{"WT": 70}, {"WT": 81}]
    both = shared("nonmem_data.csv")
    holds(both, "1", [0, 1, 4], DV=[0.2, 4.1, 1.9])
    holds(both, "2", [1, 4], DV=[5.0, 2.4])
    assert [one.doses[0].amount for one in both.trajectories] == [100, 120]
    holds(shared("nonmem_table.tab"), "1", [0, 1, 2, 4], DV=[N, 4.1, 3.2, 1.9])
    theoph = shared("covariates_long.csv")
    assert [inputs(theoph, name) for name in ("1", "2")] == [{"Wt": 79, "Dose": 4.0}, {"Wt": 72, "Dose": 4.4}]
    index = shared("index_time.csv")
    assert index.measured_names == ("v",) and index.time.label == "elapsed_ms" and index.time.unit == "ms"
    rdb = shared("usgs.rdb")
    assert [one.measured[:, 0].tolist() for one in rdb.trajectories] == [[120, 135, 128, 117], [40, 44, 52, 49]]
    with pytest.raises(DataError, match=r"`x` holds -999 in one row; `y` holds -999"):
        shared("sentinel_999.csv")
    with pytest.raises(DataError, match=r"`<0\.5` says that the value lies beyond a limit"):
        shared("below_detection.csv")


def test_units_in_a_column_of_a_long_table(tmp_path: Path) -> None:
    text = "site,date,CharacteristicName,value,unit\n" + "".join(
        f"S{site},2021-05-{day:02d},{name},{day},{unit}\n"
        for site in (1, 2)
        for day in (1, 2, 3)
        for name, unit in (("Temp", "deg C"), ("O2", "mg/L"))
    )
    data = read(tmp_path, text)
    assert {one.name: one.unit for one in data.measured} == {"Temp": "deg C", "O2": "mg/L"}
    with pytest.raises(DataError, match="`Temp` is given in `deg C` and in `deg F`"):
        read(tmp_path, text + "S2,2021-05-09,Temp,50,deg F\n")


def test_species_may_be_quantities_or_runs(tmp_path: Path) -> None:
    text = "time,species,biomass\n" + "".join(f"{t},{s},{t + k}\n" for t in range(4) for k, s in enumerate("AB"))
    assert {"shape": "wide", "trajectory": "species"} in [one.changes for one in asked(tmp_path, text).choices]
    genes = "gene\tT0\tT15\tT60\nabc\t1\t1.5\t2\nxyz\t0.2\t0.3\t0.1\n"
    data = read(tmp_path, genes, name="genes.tsv")
    holds(data, "genes", [0, 15, 60], abc=[1, 1.5, 2], xyz=[0.2, 0.3, 0.1])
    runs = read(tmp_path, genes, name="genes.tsv", shape="dates across", trajectory="gene")
    assert [one.name for one in runs.trajectories] == ["abc", "xyz"]


def test_censored_values_are_asked_about(tmp_path: Path) -> None:
    text = "ID,TIME,AMT,DV,CENS,SEX\n" + "".join(
        f"{i},0,9,.,0,{sex}\n{i},1,.,5,0,{sex}\n{i},9,.,0.1,1,{sex}\n{i},10,.,0.3,0,{sex}\n"
        for i, sex in enumerate("MFM")
    )
    assert [one.changes for one in asked(tmp_path, text).choices] == [
        {"below": one} for one in ("censored", "missing", "limit")
    ]
    holds(read(tmp_path, text, below="missing"), "1", [1, 9, 10], DV=[5, N, 0.3])
    holds(read(tmp_path, text, below="limit"), "1", [1, 9, 10], DV=[5, 0.1, 0.3])


def test_means_with_their_deviations_and_numbers_of_readings(tmp_path: Path) -> None:
    data = read(tmp_path, "time,animal,x_mean,x_sd,n\n0,7,1,0.1,3\n1,9,2,0.1,3\n2,8,3,0.2,3\n")
    assert data.measured_names == ("x_mean",)
    deviation = data.trajectories[0].deviation
    assert deviation is not None and deviation[:, 0].tolist() == [0.1, 0.1, 0.2]


def test_covariates_in_the_first_row_of_a_run_and_what_else_a_table_of_doses_has(tmp_path: Path) -> None:
    text = (
        "ID,TIME,AMT,DV,WT,CRCL\n1,0,9,.,70,90\n1,1,.,5,.,91\n1,4,.,3,.,92\n2,0,9,.,80,80\n2,1,.,6,.,85\n2,4,.,2,.,84\n"
    )
    data = read(tmp_path, text)
    assert data.measured_names == ("DV",) and data.input_names == ("WT",)
    assert [inputs(data, one)["WT"] for one in ("1", "2")] == [70, 80]
    assert any("`CRCL` is not the dependent variable `DV`" in note for note in data.notes)
    driven = read(tmp_path, text, inputs=("CRCL",))
    assert driven.trajectory("1").inputs[:, driven.input_names.index("CRCL")].tolist() == [90, 91, 92]


def test_a_row_that_is_there_twice_is_asked_about(tmp_path: Path) -> None:
    found = asked(tmp_path, "time,x\n0,1\n1,2\n1,2\n2,4\n")
    assert {"replicates": "mean"} in [one.changes for one in found.choices]
    holds(read(tmp_path, "time,x\n0,1\n1,2\n1,2\n2,4\n", replicates="mean"), "table", [0, 1, 2], x=[1, 2, 4])


def test_what_differs_between_files_only_is_a_covariate(tmp_path: Path) -> None:
    for name, pressure in (("a.csv", 1.5), ("b.csv", 2.5)):
        (tmp_path / name).write_text(
            "time,x,pressure\n" + "".join(f"{t},{t * pressure},{pressure}\n" for t in range(4))
        )
    data = load(DataConfig(files=("a.csv", "b.csv")), base=tmp_path)
    assert data.measured_names == ("x",)
    assert [inputs(data, name) for name in ("a", "b")] == [{"pressure": 1.5}, {"pressure": 2.5}]
    asked_for = load(DataConfig(files=("a.csv", "b.csv"), states=("x", "pressure")), base=tmp_path)
    assert asked_for.measured_names == ("x", "pressure")
