from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ndestudio.project.project import Project
from ndestudio.session import commands
from ndestudio.session.workspace import Workspace


def edited(workspace: Workspace, text: str, merge: str = "") -> Project:
    project = commands.with_equations(workspace.project, text)
    workspace.edit(f"Type {text}", project, merge=merge)
    return project


def test_edit_replaces_the_value_and_is_undone_and_redone():
    workspace = Workspace()
    first = workspace.project
    second = edited(workspace, "a")
    assert workspace.project is second
    assert workspace.undo_text == "Type a"
    workspace.undo()
    assert workspace.project is first
    assert workspace.redo_text == "Type a"
    workspace.redo()
    assert workspace.project is second


def test_an_edit_after_an_undo_forgets_what_was_undone():
    workspace = Workspace()
    edited(workspace, "a")
    workspace.undo()
    edited(workspace, "b")
    assert workspace.redo_text == ""


def test_the_same_value_is_no_edit():
    workspace = Workspace()
    workspace.edit("Nothing", workspace.project)
    assert workspace.undo_text == ""


def test_quick_edits_with_one_key_are_one_step():
    now = [0.0]
    workspace = Workspace(clock=lambda: now[0])
    start = workspace.project
    for text in ("a", "ab", "abc"):
        now[0] += 0.2
        edited(workspace, text, merge="typing")
    assert workspace.project.spec.model.equations == "abc"
    workspace.undo()
    assert workspace.project is start


def test_a_pause_or_another_key_begins_a_new_step():
    now = [0.0]
    workspace = Workspace(clock=lambda: now[0])
    edited(workspace, "a", merge="typing")
    now[0] = 5.0
    edited(workspace, "ab", merge="typing")
    edited(workspace, "abc", merge="other")
    workspace.undo()
    assert workspace.project.spec.model.equations == "ab"
    workspace.undo()
    assert workspace.project.spec.model.equations == "a"


def test_amending_adds_no_step_and_keeps_what_is_saved():
    workspace = Workspace()
    edited(workspace, "a")
    workspace.saved(workspace.project, Path("x.nde"))
    workspace.amend(replace(workspace.project, layout={"x": 1}))
    assert not workspace.modified
    workspace.undo()
    assert workspace.project.spec.model.equations == ""


def test_modified_follows_the_saved_value_through_undo():
    workspace = Workspace()
    assert not workspace.modified
    project = edited(workspace, "a")
    assert workspace.modified
    workspace.saved(project, Path("x.nde"))
    assert not workspace.modified
    edited(workspace, "b")
    assert workspace.modified
    workspace.undo()
    assert not workspace.modified


def test_saving_an_older_value_leaves_the_newer_one_modified():
    workspace = Workspace()
    older = edited(workspace, "a")
    edited(workspace, "b")
    workspace.saved(older, Path("x.nde"))
    assert workspace.modified


def test_a_recovered_project_counts_as_unsaved():
    workspace = Workspace()
    workspace.open(Project(), None, modified=True)
    assert workspace.modified
    assert workspace.undo_text == ""


def test_history_is_limited():
    workspace = Workspace(limit=5)
    for number in range(20):
        edited(workspace, str(number))
    steps = 0
    while workspace.undo_text:
        workspace.undo()
        steps += 1
    assert steps == 4


def test_listeners_hear_each_change_once():
    workspace = Workspace()
    heard: list[str] = []
    workspace.listen(lambda: heard.append(workspace.project.spec.model.equations))
    edited(workspace, "a")
    workspace.undo()
    workspace.undo()
    workspace.redo()
    assert heard == ["a", "", "a"]


@given(st.lists(st.text(max_size=3), max_size=12), st.integers(0, 12))
def test_undo_then_redo_leads_back(texts: list[str], back: int):
    workspace = Workspace()
    for text in texts:
        edited(workspace, text)
    final = workspace.project
    taken = 0
    while taken < back and workspace.undo_text:
        workspace.undo()
        taken += 1
    for _ in range(taken):
        workspace.redo()
    assert workspace.project is final
