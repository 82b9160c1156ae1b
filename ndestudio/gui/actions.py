"""Every action of the window: name, words, keys, what it does. Menus, palette and shortcuts are made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from ndestudio.gui.icons import icon
from ndestudio.gui.theme import colours, follow


@dataclass(frozen=True)
class ActionSpec:
    """Arguments:
    name: stable name, used in settings. menu: top-level menu it belongs to.
    text: with `&` before the mnemonic. keys: default shortcut. tip: what it does, for the tooltip.
    """

    name: str
    menu: str
    text: str
    keys: str = ""
    icon: str = ""
    tip: str = ""
    separator: bool = False


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("new", "&File", "&New project", "Ctrl+N", "file", "Start with an empty project"),
    ActionSpec(
        "open",
        "&File",
        "&Open…",
        "Ctrl+O",
        "open",
        "Open data files, a spec, a project, or a model in SBML or Antimony",
    ),
    ActionSpec("save", "&File", "&Save", "Ctrl+S", "save", "Save the project", separator=True),
    ActionSpec("save-as", "&File", "Save &as…", "Ctrl+Shift+S", "", "Save the project to another file"),
    ActionSpec("quit", "&File", "&Quit", "Ctrl+Q", "", "Close the window", separator=True),
    ActionSpec("undo", "&Edit", "&Undo", "Ctrl+Z", "undo", "Take back the last change"),
    ActionSpec("redo", "&Edit", "&Redo", "Ctrl+Shift+Z", "redo", "Make the last change taken back again"),
    ActionSpec(
        "copy-script",
        "&Edit",
        "Copy as &Python script",
        "Ctrl+Shift+C",
        "copy",
        "What was done in this session, with the library: data, trainings, search and choices",
        separator=True,
    ),
    ActionSpec("copy-spec", "&Edit", "Copy as &spec", "", "", "All settings of now as TOML, for `ndestudio run`"),
    ActionSpec(
        "history",
        "&Edit",
        "&History…",
        "Ctrl+H",
        "clock",
        "What was done, step by step: change one, do it again, apply it to new data",
        separator=True,
    ),
    ActionSpec("palette", "&View", "&Command palette…", "Ctrl+Shift+P", "search", "Find any action by name"),
    ActionSpec("stage-home", "&View", "S&tart page", "Ctrl+0", "home", "Samples and recent files", separator=True),
    ActionSpec("stage-data", "&View", "&Data", "Ctrl+1", "data", "Files, columns, roles and split"),
    ActionSpec("stage-model", "&View", "&Model", "Ctrl+2", "model", "Equations, parameters and networks"),
    ActionSpec("stage-train", "&View", "T&rain", "Ctrl+3", "train", "Fit the model to the data"),
    ActionSpec("stage-distil", "&View", "D&istil", "Ctrl+4", "distil", "Turn networks into formulas"),
    ActionSpec("stage-export", "&View", "&Export", "Ctrl+5", "export", "Equations as code, text and report"),
    ActionSpec(
        "scheme-system", "&View", "Colours of the &system", "", "", "Light or dark as the system is", separator=True
    ),
    ActionSpec("scheme-light", "&View", "&Light", "", "sun", "Light colours"),
    ActionSpec("scheme-dark", "&View", "Dar&k", "", "moon", "Dark colours"),
    ActionSpec("full-screen", "&View", "&Full screen", "F11", "expand", "Use the whole screen", separator=True),
    ActionSpec("reset-layout", "&View", "Reset layo&ut", "", "", "Splitters and window as they were at first"),
    ActionSpec("train", "&Run", "&Train", "F5", "play", "Start or resume training"),
    ActionSpec("pause", "&Run", "&Pause", "F6", "pause", "Hold the training or search"),
    ActionSpec("stop", "&Run", "&Stop", "Shift+F5", "stop", "End it and keep the best so far"),
    ActionSpec("distil", "&Run", "&Distil", "F7", "distil", "Search formulas for the networks"),
    ActionSpec(
        "recovery",
        "&Run",
        "&Recovery test…",
        "",
        "check",
        "Would these settings, on data like these, find a known ground truth?",
        separator=True,
    ),
    ActionSpec(
        "explore",
        "&Run",
        "&Explore…",
        "Ctrl+E",
        "search",
        "Other values, scans, sensitivities, steady states, bifurcations",
    ),
    ActionSpec(
        "sweep",
        "&Run",
        "S&weep…",
        "",
        "train",
        "Settings varied, on the processors of this machine or a cluster; results as a table",
    ),
    ActionSpec("tour", "&Help", "Take the &tour", "", "", "Three steps on a sample, from measurements to equations"),
    ActionSpec("documentation", "&Help", "&Documentation", "F1", "", "Tutorials, how-to pages and the reference"),
    ActionSpec("shortcuts", "&Help", "&Keyboard shortcuts…", "Ctrl+/", "", "See and change all shortcuts"),
    ActionSpec("device", "&Help", "&Device…", "", "cpu", "What computes, and why no GPU"),
    ActionSpec("plug-ins", "&Help", "&Plug-ins…", "", "", "What installed packages add, and what of it cannot be used"),
    ActionSpec("log", "&Help", "&Log folder", "", "", "Open the folder of the log file"),
    ActionSpec("about", "&Help", "&About NDE Studio", "", "info", "Version and licence", separator=True),
)


def unfit(keys: QKeySequence) -> str:
    """Why keys cannot be those of an action, "" where they can: bare keys that type, edit or move would be taken away from
    every field of the window."""
    if not keys.count():
        return ""
    pressed = keys[0]  # pyright: ignore[reportIndexIssue] (the stubs lack it)
    changed = pressed.keyboardModifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
    if changed or Qt.Key.Key_F1 <= pressed.key() <= Qt.Key.Key_F35:
        return ""
    words = keys.toString(QKeySequence.SequenceFormat.NativeText)
    return f"{words} alone is needed for typing and moving; add Ctrl or Alt, or take a key F1 to F12."


class Actions:
    """The actions of a window by name.

    Parameters
    ----------
    parent
        The window, which receives the shortcuts.
    handlers
        Name -> what it does; each action needs one.
    shortcuts
        Name -> keys that the person chose instead of the default.
    """

    def __init__(
        self, parent: QWidget, handlers: Mapping[str, Callable[[], object]], shortcuts: Mapping[str, str]
    ) -> None:
        self._actions: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(spec.text, parent)
            action.setObjectName(spec.name)
            action.setToolTip(spec.tip)
            words = spec.text.replace("&", "").replace("…", "")
            if spec.name.startswith("stage-"):
                action.setProperty("palette", f"Go to {words}")
            elif spec.menu == "&Run":
                action.setProperty("palette", f"Run: {words}")
            handler = handlers[spec.name]
            action.triggered.connect(lambda _=False, handler=handler: handler())
            parent.addAction(action)
            self._actions[spec.name] = action
        self.use_shortcuts(shortcuts)
        follow(parent, self._restyle)

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def all(self) -> tuple[QAction, ...]:
        return tuple(self._actions.values())

    def use_shortcuts(self, shortcuts: Mapping[str, str]) -> None:
        """Set the keys of all actions: the default where nothing else was chosen, or what was chosen is unfit."""
        for spec in ACTIONS:
            keys = QKeySequence(shortcuts.get(spec.name, spec.keys))
            self._actions[spec.name].setShortcut(QKeySequence(spec.keys) if unfit(keys) else keys)

    def _restyle(self) -> None:
        for spec in ACTIONS:
            if spec.icon:
                self._actions[spec.name].setIcon(icon(spec.icon, colours().muted))
