"""What is told of a file before it is loaded: decisions and their answers, rows as written, plots, folders, import settings."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from ndestudio.data import DataConfig, load, preview
from ndestudio.data.dataset_words import summary, time_taken
from ndestudio.data.decisions import Choice, Decision, answered
from ndestudio.data.folders import data_files
from ndestudio.data.import_settings import ImportSettingsStore, fitting_settings, settings_from
from ndestudio.data.raw_rows import _sheet_cell, raw_rows
from ndestudio.errors import DataError, SettingError
from ndestudio.figures.columns import column_panels


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_adds_to_mappings_and_replaces_the_rest() -> None:
    config = DataConfig(units={"x": "g"}, missing=("nd",), ignore=("c",))
    changed = answered(config, {"units": {"y": "h"}, "missing": ("x",)})
    assert changed.units == {"x": "g", "y": "h"}
    assert changed.missing == ("x",) and changed.ignore == ("c",)


def test_a_column_that_becomes_the_time_is_nothing_else_any_more() -> None:
    config = DataConfig(states=("a", "b"), inputs=("c",), ignore=("d",), trajectory="run")
    changed = answered(config, {"time": "b"})
    assert (changed.time, changed.states, changed.inputs, changed.ignore) == ("b", ("a",), ("c",), ("d",))
    assert answered(config, {"time": "run"}).trajectory is None
    assert answered(DataConfig(states=("a",)), {"ignore": ("a",)}).states is None
    assert answered(DataConfig(ignore=("a",)), {"states": ("a",)}).ignore == ()


def test_an_answer_that_is_no_setting_is_a_sentence() -> None:
    with pytest.raises(DataError, match="no settings of data"):
        answered(DataConfig(), {"tmie": "x"})
    with pytest.raises(DataError, match="no settings of data"):
        answered(DataConfig(), {"decimal": "x"})


# --- decisions of a preview --------------------------------------------------------------------------------------------


def test_what_was_guessed_can_be_seen_and_changed(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "mass;glucose\n0,1;20,1\n0,3;18,4\n0,9;12,9\n")
    found = preview(path)
    time = next(one for one in found.decisions if one.topic == "time")
    assert (time.choices[time.chosen or 0].changes, time.certain) == ({"time": "mass"}, False)
    for place, choice in enumerate(time.choices):
        again = preview(path, answered(DataConfig(), choice.changes))
        decision = next(one for one in again.decisions if one.topic == "time")
        assert decision.choices[decision.chosen or 0].changes == choice.changes
        assert decision.certain, f"the answer {place} was given"


def test_the_data_carry_the_decisions_of_their_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "t;x\n0;1,5\n1;2,5\n2;3,5\n")
    assert load(DataConfig(files=(str(path),))).decisions == preview(path).decisions


# --- rows as they are written ------------------------------------------------------------------------------------------


def test_rows_are_those_of_the_file_with_their_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'Logger "7";x\n\nt;x\n0;1\n1;2\n')
    rows = raw_rows(path, DataConfig(), None)
    assert rows.numbers == (1, 2, 3, 4, 5)
    assert rows.cells[2:4] == (("t", "x"), ("0", "1"))
    assert rows.width == 2


def test_the_end_of_a_short_file_is_shown_too(tmp_path: Path) -> None:
    lines = [f"{n},{n}" for n in range(5000)]
    path = written(tmp_path, "a.csv", "t,x\n" + "\n".join(lines) + "\nMean,2500\n")
    rows = raw_rows(path, DataConfig(), None)
    assert rows.numbers[-1] == 5002 and rows.cells[-1] == ("Mean", "2500")
    assert len(rows.numbers) < 500


def test_a_sheet_shows_clocks_and_durations_as_it_does_itself() -> None:
    texts = ("1899-12-31 00:15:00", "1900-01-01 12:00:00", "2021-01-30 00:00:00", "2021-01-30 07:30:00", "1.5")
    assert [_sheet_cell(one) for one in texts] == ["0:15:00", "36:00:00", "2021-01-30", "2021-01-30 07:30:00", "1.5"]


def test_a_file_that_is_no_text_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, t=np.arange(3.0), x=np.arange(3.0))
    assert raw_rows(path, DataConfig(), None).cells == ()
    assert raw_rows(tmp_path / "none.csv", DataConfig(), None).cells == ()


# --- plots before loading ----------------------------------------------------------------------------------------------


def test_each_column_of_numbers_is_drawn_over_the_time(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "note,t [h],x,y\na,0,1,4\nb,2,,5\nc,4,3,6\n")
    panels = column_panels(preview(path, DataConfig(ignore=("y",))))
    assert [(one.x.title, one.y.title) for one in panels] == [("t [h]", "x"), ("t [h]", "y")]
    assert panels[0].marks[0].x.tolist() == [0.0, 4.0], "what is missing is not drawn"  # type: ignore[union-attr]
    assert panels[1].marks[0].colour == "muted", "a column that is not used"  # type: ignore[union-attr]


def test_without_a_time_columns_are_drawn_over_their_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "x,y\n3,1\n1,7\n2,3\n")
    panels = column_panels(preview(path))
    assert [one.x.title for one in panels] == ["row", "row"]
    assert panels[0].marks[-1].x.tolist() == [1.0, 2.0, 3.0]  # type: ignore[union-attr]


def test_a_clock_in_several_columns_is_the_axis_of_the_plots(tmp_path: Path) -> None:
    text = "Date,Time,x,y\n2021-02-01,00:00,<0.5,1\n2021-02-01,12:00,2,1\n2021-02-02,06:00,4,1\n"
    panels = column_panels(preview(written(tmp_path, "a.csv", text)))
    assert [(one.x.title, one.y.title) for one in panels] == [
        ("Date + Time, days since the first", name) for name in ("x", "y")
    ]
    assert panels[1].marks[0].x.tolist() == [0.0, 0.5, 1.25]  # type: ignore[union-attr]
    parts = "Year,DoY,Hour,x\n2021,3,0,<1\n2021,3,12,2\n2021,4,0,3\n"
    panels = column_panels(preview(written(tmp_path, "b.csv", parts)))
    assert [(one.x.title, one.y.title) for one in panels] == [("Year + DoY + Hour, days since the first", "x")]
    assert panels[0].marks[0].x.tolist() == [0.5, 1.0]  # type: ignore[union-attr]


def test_rows_are_not_offered_as_the_time_of_nothing(tmp_path: Path) -> None:
    problems = preview(written(tmp_path, "a.csv", "name,comment\nalice,hello\nbob,bye\n")).problems
    assert ["no column of measurements" in one.sentence for one in problems] == [True]


# --- words -------------------------------------------------------------------------------------------------------------


def test_the_time_is_told_with_unit_and_step(tmp_path: Path) -> None:
    even = load(DataConfig(files=(str(written(tmp_path, "a.csv", "t [h],x\n0,1\n0.5,2\n1,4\n")),)))
    assert time_taken(even).sentence == "`t` in h, from 0 to 1 in steps of 0.5"
    uneven = load(DataConfig(files=(str(written(tmp_path, "b.csv", "t,x\n0,1\n1,2\n2,2\n9,4\n")),)))
    assert time_taken(uneven).sentence == "`t`, no unit given, from 0 to 9, median step 1"
    assert summary(uneven) == "4 rows · 1 trajectory · states x"


# --- folders -----------------------------------------------------------------------------------------------------------


def test_a_folder_gives_its_like_files_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        written(tmp_path, f"run{number}.csv", "t,x\n0,1\n1,2\n")
    written(tmp_path, "summary.csv", "run,best\na,1\nb,2\n")
    written(tmp_path, "readme.txt", "These runs were made\n")
    written(tmp_path, "plot.pdf", "%PDF")
    written(tmp_path, ".hidden.csv", "t,x\n0,1\n")
    (tmp_path / "old").mkdir()
    found = data_files(tmp_path)
    assert [one.name for one in found.files] == ["run1.csv", "run2.csv", "run10.csv"]
    assert found.sentence.startswith(f"3 files of `{tmp_path.name}` are opened; left out: ")
    for told in ("`old` (a folder)", "`plot.pdf` (no data file)", "`readme.txt` (other columns)"):
        assert told in found.sentence


def test_a_folder_without_data_says_so(tmp_path: Path) -> None:
    written(tmp_path, "plot.pdf", "%PDF")
    with pytest.raises(DataError, match="no data file in this folder"):
        data_files(tmp_path)


# --- import settings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> ImportSettingsStore:
    return ImportSettingsStore(tmp_path / "settings" / "import-settings.json")


def _kept(path: Path, config: DataConfig, name: str = "reactor"):  # type: ignore[no-untyped-def]
    found = preview(path, config)
    labels = [column.label for column in found.columns]
    return settings_from(name, config, found.format, labels, found.decisions)


def test_settings_are_offered_for_files_with_the_same_columns(tmp_path: Path, store: ImportSettingsStore) -> None:
    first = written(tmp_path, "a.csv", "mass;glucose;rpm\n0,1;20,1;5\n0,3;18,4;5\n0,9;12,9;6\n")
    store.save(_kept(first, DataConfig(files=(str(first),), time="", inputs=("rpm",), units={"mass": "g"})))
    other = written(tmp_path, "b.csv", "mass;glucose;rpm\n0,2;21,0;7\n0,2;19,0;7\n")
    strange = written(tmp_path, "c.csv", "t,x\n0,1\n1,2\n")
    config = DataConfig(files=(str(other),))
    fitting = fitting_settings(store.all(), other, config, raw_rows(other, config, None))
    assert [one.name for one in fitting] == ["reactor"]
    applied = fitting[0].applied(config)
    assert (applied.files, applied.time, applied.inputs) == ((str(other),), "", ("rpm",))
    assert (applied.delimiter, applied.decimal, applied.units) == (";", ",", {"mass": "g"})
    assert load(applied).input_names == ("rpm",)
    assert fitting_settings(store.all(), strange, config, raw_rows(strange, config, None)) == ()


def test_settings_are_offered_for_files_of_an_instrument_whose_names_are_taken_apart(
    tmp_path: Path, store: ImportSettingsStore
) -> None:
    text = 'Plot Title: pond\n#,"Date Time, GMT-06:00","Temp, °C (LGR S/N: 1, SEN S/N: 1)"\n'
    text += "".join(f"{n},11/{n}/18 12:30:00 PM,2{n}.5\n" for n in range(1, 6))
    path = written(tmp_path, "a.csv", text)
    config = DataConfig(files=(str(path),))
    store.save(_kept(path, config, "pond"))
    fitting = fitting_settings(store.all(), path, config, raw_rows(path, config, None))
    assert [one.name for one in fitting] == ["pond"]


def test_what_is_of_one_file_is_not_kept(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "t,x\n0,1\n1,2\n2,3\n")
    config = DataConfig(files=(str(path),), trajectory_weights={"a": 2.0}, last_row=3)
    assert not {"files", "trajectory_weights", "split", "last_row"} & set(_kept(path, config).data)


def test_settings_are_renamed_and_deleted(tmp_path: Path, store: ImportSettingsStore) -> None:
    path = written(tmp_path, "a.csv", "t,x\n0,1\n1,2\n2,3\n")
    for name in ("one", "two"):
        store.save(_kept(path, DataConfig(), name))
    store.rename("one", "  first  ")
    assert [one.name for one in store.all()] == ["first", "two"]
    with pytest.raises(SettingError, match="there are import settings `two` already"):
        store.rename("first", "two")
    with pytest.raises(SettingError, match="did you mean `first`"):
        store.get("frist")
    with pytest.raises(SettingError, match="give the import settings a name"):
        store.rename("first", " ")
    store.delete("first")
    assert [one.name for one in store.all()] == ["two"]


def test_settings_of_a_newer_version_are_refused_by_themselves(tmp_path: Path, store: ImportSettingsStore) -> None:
    path = written(tmp_path, "a.csv", "t,x\n0,1\n1,2\n2,3\n")
    store.save(msgspec.structs.replace(_kept(path, DataConfig(), "newer"), data={"telepathy": True}))
    store.save(_kept(path, DataConfig(), "plain"))
    with pytest.raises(SettingError, match="cannot be understood"):
        store.get("newer").applied(DataConfig())
    found = fitting_settings(store.all(), path, DataConfig(), raw_rows(path, DataConfig(), None))
    assert [one.name for one in found] == ["plain"]


def test_a_damaged_file_of_settings_is_no_settings(store: ImportSettingsStore, tmp_path: Path) -> None:
    written(tmp_path, "x", "")
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "import-settings.json").write_text("{", encoding="utf-8")
    assert store.all() == ()


def test_a_guess_that_needs_evidence_is_kept_as_it_was_made(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "t,x\n0,1\n1,2\n2,3\n")
    order = Decision(
        "time",
        "days come first, for there is a 31",
        "when",
        (Choice("day first", {"time_format": "day first"}), Choice("month first", {"time_format": "month first"})),
    )
    row = Decision("header", "the names are in row 1", choices=(Choice("row 1", {"header_row": 1}),))
    assert settings_from("a", DataConfig(), "text", ("t", "x"), (order, row)).data == {"time_format": "day first"}
    said = DataConfig(files=(str(path),), time_format="month first")
    assert settings_from("a", said, "text", ("t", "x"), (order,)).data == {"time_format": "month first"}
