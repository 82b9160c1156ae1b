"""The window says of a file what the library says: the same data, or the same question with its answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data import DataConfig, load
from ndestudio.data.decisions import Decision, answered
from ndestudio.errors import DataError
from ndestudio.model.statements import data_for
from ndestudio.session.session import Session
from tests.session.helpers import wait

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "readers"

TABLES = {
    "plain": "t [h],x,y\n0,1,2\n1,2,3\n2,4,5\n",
    "dates": "Zeit;Biomasse\n28.01.2021 08:00;0,1\n28.01.2021 10:00;0,3\n28.01.2021 14:00;0,9\n",
    "open dates": "date,x\n01/02/2021,1\n02/02/2021,2\n03/02/2021,4\n05/02/2021,3\n",
    "a mark": "t,x\n" + "".join(f"{n},{20 + n % 3}\n" for n in range(9)) + "9,-999\n10,-999\n",
    "a limit": "t,x\n0,<0.5\n1,2.1\n2,1.4\n3,0.8\n",
    "long": "time,what,value\n0,a,1\n0,b,5\n1,a,2\n1,b,6\n2,a,4\n2,b,7\n",
    "preface": "Device,7\nOperator,Ann\n\nt,x\ns,V\n0,1\n1,2\n2,4\n",
    "timeless": "x,y\n3,1\n1,7\n2,3\n5,0\n",
    "a broken cell": "t,x\n0,1\n1,broken\n2,3\n3,5\n",
    "empty": "",
}


def _files(folder: Path) -> Iterator[Path]:
    for name, text in TABLES.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        yield path
    if SHARED.is_dir():
        yield from sorted(one for one in SHARED.iterdir() if one.is_file() and one.name != "README.md")


def test_every_file_gives_the_data_or_the_question_of_the_library(session: Session, tmp_path: Path) -> None:
    for path in _files(tmp_path):
        session.files.new()
        session.files.open([path])
        wait(session)
        state = session.data.state()
        try:
            # with doses the window reads from the first of them on, as every model of the data does
            wanted = load(data_for(DataConfig(files=(str(path),)), session.project.spec.model.equations))
        except DataError as error:
            told = error.decision.sentence if isinstance(error.decision, Decision) else error.sentence
            assert told in [one.sentence for one in state.problems], path.name
            assert state.dataset is None, path.name
            if isinstance(error.decision, Decision):
                answers = next(one.answers for one in state.problems if one.sentence == told)
                assert answers == tuple(one.label for one in error.decision.choices), path.name
            continue
        assert state.problems == (), path.name
        found = state.dataset
        assert found is not None, path.name
        assert (found.time, found.measured, found.inputs) == (wanted.time, wanted.measured, wanted.inputs), path.name
        for one, other in zip(found.trajectories, wanted.trajectories, strict=True):
            assert one.name == other.name
            np.testing.assert_array_equal(one.t, other.t)
            np.testing.assert_array_equal(one.measured, other.measured)


@pytest.mark.parametrize("name", ["open dates", "a mark", "a limit", "timeless", "a broken cell"])
def test_a_question_is_settled_by_its_buttons(session: Session, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TABLES[name], encoding="utf-8")
    session.files.open([path])
    wait(session)
    asked = session.data.state().problems[0].decision
    assert asked is not None and len(asked.choices) >= 1
    config = session.project.spec.data
    for place, choice in enumerate(asked.choices):
        session.data.answer(asked, place)
        wait(session)
        state = session.data.state()
        assert state.config == answered(config, choice.changes)
        assert state.problems == () and state.dataset is not None, choice.label
        session.undo()
        wait(session)
        assert session.project.spec.data == config
