from pathlib import Path
from unittest.mock import Mock

import pytest

from ndestudio.project.project import Spec
from ndestudio.session.files import samples
from ndestudio.session.session import Session
from tests.session.helpers import toasts, wait


def test_samples_are_whole(session: Session):
    found = samples()
    assert {"Lynx and hare" in sample.title or "lynx" in sample.spec for sample in found} >= {True}
    for sample in found:
        session.files.open([sample.spec])
        wait(session)
        assert session.project.dataset is not None, sample.title
        assert session.model.ready, session.model.obstacle


def test_a_project_is_saved_and_opened_again(session: Session, csv: Path, tmp_path: Path, shell: Mock):
    session.files.open([csv])
    wait(session)
    session.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    session.files.save(tmp_path / "work")
    wait(session)
    assert (tmp_path / "work.nde").is_file()
    assert not session.workspace.modified
    assert "Saved to work.nde." in toasts(shell)
    session.files.new()
    assert session.project.dataset is None
    session.files.open([tmp_path / "work.nde"])
    wait(session)
    assert session.project.spec.model.equations.startswith("d(hare)/dt = a*hare")
    assert session.project.dataset is not None
    assert session.stage == "model"
    assert not session.workspace.modified


def test_opening_a_project_reads_no_data_file(session: Session, csv: Path, tmp_path: Path):
    session.files.open([csv])
    wait(session)
    session.files.save(tmp_path / "work.nde")
    wait(session)
    csv.unlink()
    session.files.open([tmp_path / "work.nde"])
    wait(session)
    assert session.project.dataset is not None
    assert not session.data.stale
    assert session.data.state().dataset is session.project.dataset


def test_an_edit_while_saving_stays_unsaved(session: Session, csv: Path, tmp_path: Path):
    session.files.open([csv])
    wait(session)
    session.files.save(tmp_path / "work.nde")
    session.model.edit_text("d(hare)/dt = 1\nd(lynx)/dt = 1")
    wait(session)
    assert session.workspace.modified


@pytest.mark.parametrize("name", ["broken.nde", "broken.toml"])
def test_a_broken_file_is_a_sentence_and_leaves_the_work(
    session: Session, csv: Path, tmp_path: Path, shell: Mock, name: str
):
    session.files.open([csv])
    wait(session)
    before = session.project
    (tmp_path / name).write_text("[[[ no", encoding="utf-8")
    session.files.open([tmp_path / name])
    wait(session)
    assert session.project is before
    assert any(name in text for text in toasts(shell))
    assert all("Traceback" not in text for text in toasts(shell))


def test_recent_files_are_remembered_and_forgotten_when_gone(session: Session, csv: Path, tmp_path: Path):
    session.files.open([csv])
    wait(session)
    assert session.shell.state().recent == (str(csv),)
    csv.rename(tmp_path / "away.csv")
    assert session.shell.state().recent == ()


def test_saving_where_nothing_can_be_written_is_a_sentence(session: Session, csv: Path, tmp_path: Path, shell: Mock):
    session.files.open([csv])
    wait(session)
    session.files.save(tmp_path / "no" / "such" / "work.nde")
    wait(session)
    assert session.workspace.modified
    assert any("work.nde" in text for text in toasts(shell))


def test_a_file_that_nothing_reads_leaves_the_project_as_it_is(
    session: Session, csv: Path, tmp_path: Path, shell: Mock
):
    session.files.open([csv])
    wait(session)
    before = session.project
    plot_data = tmp_path / "photo.png"
    plot_data.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 20)
    session.files.open([plot_data])
    wait(session)
    assert session.project is before
    assert "photo.png: files that end in `.png` are not known here" in toasts(shell)[-1]
    assert str(plot_data) not in session.settings.value.recent
    session.files.open([plot_data, csv])
    wait(session)
    assert session.project.spec.data.files == (str(csv),)


def test_data_of_a_new_project_find_nothing_of_the_old_one(session: Session, csv: Path, tmp_path: Path):
    sample = next(one for one in samples() if "lynx_hare" in one.spec)
    session.files.open([sample.spec])
    wait(session)
    other = tmp_path / "tank.csv"
    other.write_text("t,level\n0,1\n1,2\n2,3\n", encoding="utf-8")
    assert session.files.asks([other]) and not session.files.asks([sample.spec])
    session.files.open([other], "new")
    wait(session)
    project = session.project
    assert project.spec.data.files == (str(other),) and project.dataset is not None
    assert project.dataset.measured_names == ("level",)
    assert (project.spec.name, project.spec.train, project.spec.distil, project.runs) == (
        "",
        Spec().train,
        Spec().distil,
        (),
    )
    assert "lynx" not in project.spec.model.equations and list(project.spec.model.networks) == ["f"]


def test_data_replace_those_of_a_project_or_are_further_runs_of_it(session: Session, csv: Path, tmp_path: Path):
    assert not session.files.asks([csv]), "an empty project has nothing to lose"
    session.files.open([csv])
    wait(session)
    session.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    other = tmp_path / "later.csv"
    other.write_text(csv.read_text(encoding="utf-8"), encoding="utf-8")
    session.files.open([other], "append")
    wait(session)
    assert session.project.spec.data.files == (str(csv), str(other))
    session.files.open([other], "replace")
    wait(session)
    assert session.project.spec.data.files == (str(other),)
    assert session.project.spec.model.equations.startswith("d(hare)/dt = a*hare")


@pytest.mark.parametrize("content", ["", "\n\n", "t,x\n"])
def test_a_file_with_nothing_in_it_leaves_the_data_that_are_there(
    session: Session, csv: Path, tmp_path: Path, shell: Mock, content: str
):
    session.files.open([csv])
    wait(session)
    before = session.project
    empty = tmp_path / "empty.csv"
    empty.write_text(content, encoding="utf-8")
    session.files.open([empty])
    wait(session)
    assert session.project is before
    assert any("empty.csv" in text for text in toasts(shell))
    assert str(empty) not in session.settings.value.recent


def test_a_model_of_another_program_takes_the_place_of_the_equations(
    session: Session, csv: Path, tmp_path: Path, shell: Mock
):
    pytest.importorskip("libsbml", reason="libSBML is not installed")
    from tests.exchange.sbml_models import parameter, rate, sbml

    session.files.open([csv])
    wait(session)
    file = tmp_path / "decay.xml"
    file.write_text(
        sbml(parameters=parameter("x", 3.0, constant=False) + parameter("k", None), rules=rate("x", "-k*x"))
    )
    session.files.open([file])
    wait(session)
    assert "d(x)/dt = -k*x" in session.project.spec.model.equations
    assert session.project.dataset is not None and session.stage == "model"
    assert any("`k` has no value" in one for one in toasts(shell))
    session.undo()
    assert "d(x)/dt" not in session.project.spec.model.equations
    file.write_text("<sbml")
    session.files.open([file])
    wait(session)
    assert any("well-formed" in one for one in toasts(shell))
