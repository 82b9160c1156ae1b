"""Opening and saving: data files, specs and projects; recent files; samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ndestudio.data.readers.registry import READERS, endings, reader_for, titles
from ndestudio.errors import DataError
from ndestudio.exchange.formats import MODEL_FORMATS, read_kinetic
from ndestudio.jobs import Failed
from ndestudio.model.config import ModelConfig
from ndestudio.paths import examples_dir, resources_dir
from ndestudio.progress import Event, Note, Reporter
from ndestudio.project.project import Project, Spec
from ndestudio.session.commands import with_model
from ndestudio.session.ports import Context, DataFiles, Recovered, Stage
from ndestudio.session.purposes import PurposeName
from ndestudio.session.settings import SettingsStore

PROJECT_SUFFIX = ".nde"
SPEC_SUFFIX = ".toml"
MOST_NOTES = 3
Use = Literal["new", "replace", "append"]
"""What data files that are opened are for: a project of their own, other data for this one, further runs of it."""


@dataclass(frozen=True)
class Sample:
    """A sample project of the gallery. `thumbnail` is an image file, "" when there is none."""

    title: str
    description: str
    spec: str
    thumbnail: str


def samples() -> tuple[Sample, ...]:
    """The bundled example specs whose data are there, by folder name; what has no data is for the command line."""
    import tomllib

    found = []
    for path in sorted(examples_dir().glob("*/*.toml")):
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        files = content.get("data", {}).get("files", [])
        if not files or not all((path.parent / str(file)).is_file() for file in files):
            continue  # the program does not bring these data along
        picture = resources_dir() / "thumbnails" / f"{path.parent.name}.svg"
        found.append(
            Sample(
                title=str(content.get("name") or path.parent.name),
                description=str(content.get("description", "")),
                spec=str(path),
                thumbnail=str(picture) if picture.is_file() else "",
            )
        )
    return tuple(found)


def open_filter() -> str:
    """What a file dialog offers for opening, in the form Qt takes."""
    data = " ".join(f"*{ending}" for ending in endings())
    models = " ".join(f"*{ending}" for ending in model_endings())
    special = f"*{SPEC_SUFFIX} *{PROJECT_SUFFIX} {models}"
    formats = ";;".join(
        f"{one.title} ({' '.join(f'*{ending}' for ending in one.endings)})"
        for one in MODEL_FORMATS.values()
        if one.read
    )
    return (
        f"All that can be opened ({data} {special});;Data ({data});;Projects (*{PROJECT_SUFFIX});;"
        f"Specs (*{SPEC_SUFFIX});;{formats};;All files (*)"
    )


def model_endings() -> tuple[str, ...]:
    """Ends of the names of files with models of other programs."""
    return tuple(ending for one in MODEL_FORMATS.values() if one.read for ending in one.endings)


def data_filter() -> str:
    """The same for data files alone: all, and each format by itself."""
    formats = ";;".join(f"{reader.title} ({' '.join(f'*{one}' for one in reader.endings)})" for reader in READERS.all())
    return f"Data ({' '.join(f'*{ending}' for ending in endings())});;{formats};;All files (*)"


def formats_text() -> str:
    """The formats that can be read, for a sentence: `CSV, Parquet or Excel`."""
    *most, last = titles()
    return f"{', '.join(most)} or {last}" if most else last


class FilesController:
    """Decides what a dropped or chosen file is, and keeps the project file."""

    def __init__(self, context: Context, settings: SettingsStore, data: DataFiles, recovered: Recovered) -> None:
        self._workspace, self._tasks = context.workspace, context.tasks
        self._notifier, self._navigation = context.notifier, context.navigation
        self._settings, self._data, self._recovered_work = settings, data, recovered

    def asks(self, paths: Sequence[str | Path]) -> bool:
        """Whether a person should say what these files are for: data, and the project has data or equations."""
        alone = (PROJECT_SUFFIX, SPEC_SUFFIX, *model_endings())
        special = any(Path(path).suffix.lower() in alone for path in paths)
        spec = self._workspace.project.spec
        return bool(paths) and not special and bool(spec.data.files or spec.model.equations.strip())

    def open(self, paths: Sequence[str | Path], use: Use = "replace") -> None:
        """Open a project, a spec, or one or several data files.

        Files of which nothing can be read change nothing: a message says why, and the data that are there stay.

        Parameters
        ----------
        use
            Of data files.
        """
        files = [Path(path).absolute() for path in paths]
        if not files:
            return
        if any(path.is_dir() for path in files):
            title = f"Looking through {next(path for path in files if path.is_dir()).name}"
            failed = partial(self._failed, files[0])
            self._tasks.start(
                "open", title, _look_through, tuple(files), done=partial(self._opened_folder, use), failed=failed
            )
            return
        special = [path for path in files if path.suffix.lower() in (PROJECT_SUFFIX, SPEC_SUFFIX)]
        if special:
            if len(files) > 1:
                self._notifier.toast(
                    f"Only `{special[0].name}` is opened: a project or spec is opened alone.", "warning"
                )
            path = special[0]
            function = _load_project if path.suffix.lower() == PROJECT_SUFFIX else _load_spec
            self._tasks.start(
                "open",
                f"Opening {path.name}",
                function,
                path,
                done=lambda project: self._opened(project, path),
                event=self._told,
                failed=lambda failed: self._failed(path, failed),
            )
            return
        models = [path for path in files if path.suffix.lower() in model_endings()]
        if models:
            if len(files) > 1:
                self._notifier.toast(f"Only `{models[0].name}` is opened: a model is opened alone.", "warning")
            path = models[0]
            self._tasks.start(
                "open",
                f"Reading {path.name}",
                _read_model,
                path,
                done=partial(self._took_model, path),
                failed=partial(self._failed, path),
            )
            return
        readable = tuple(path for path in files if not self._refused(path))
        if not readable:
            return
        if self._workspace.project.dataset is None:
            self._take(use, readable)
            return
        title = f"Looking at {readable[0].name}"
        self._tasks.start("open", title, _look_at, readable, done=partial(self._looked_at, use))

    def _looked_at(self, use: Use, found: tuple[tuple[Path, ...], tuple[str, ...]]) -> None:
        readable, sentences = found
        for sentence in sentences:
            self._notifier.toast(sentence, "error")
        if readable:
            self._take(use, readable)

    def _take(self, use: Use, files: Sequence[Path]) -> None:
        paths = [str(path) for path in files]
        if use == "append":
            self._data.append_files(paths)
        else:
            if use == "new":
                self.new()
            self._data.add_files(paths)
        for path in reversed(files):
            self._remember(path)

    def _took_model(self, path: Path, found: tuple[ModelConfig, tuple[str, ...]]) -> None:
        """A model of another program takes the place of the equations; the data stay."""
        model, notes = found
        self._workspace.edit(f"Model of {path.name}", with_model(self._workspace.project, model))
        self._navigation.show_stage("model")
        self._remember(path)
        for note in notes[:MOST_NOTES]:
            self._notifier.toast(f"{path.name}: {note}.")
        if len(notes) > MOST_NOTES:
            self._notifier.toast(f"{len(notes) - MOST_NOTES} more notes: `ndestudio convert` lists them.")

    def _opened_folder(self, use: Use, found: tuple[tuple[Path, ...], str]) -> None:
        files, sentence = found
        self.open(files, use)
        self._notifier.toast(sentence)

    def _refused(self, path: Path) -> bool:
        """Whether nothing reads such a file; the project then stays as it is, and a message says what was tried."""
        try:
            reader_for(path, path.name)
        except DataError as error:
            self._notifier.toast(f"{error}.", "error")
            return True
        return False

    def new(self) -> None:
        """An empty project."""
        self._tasks.discard_all()
        self._workspace.open(Project(), None)
        self._navigation.show_stage("data")

    def save(self, path: str | Path | None = None) -> None:
        """Write the project file on a worker; the project of this moment is what is written.

        Parameters
        ----------
        path
            None writes to the file the project came from.
        """
        target = Path(path) if path else self._workspace.path
        if target is None:
            raise ValueError("the project has no file yet; give a path")
        if target.suffix.lower() != PROJECT_SUFFIX:
            target = target.with_name(target.name + PROJECT_SUFFIX)
        project = self._workspace.project
        self._tasks.start(
            "save", f"Saving {target.name}", _save_project, project, target, done=lambda _: self._saved(project, target)
        )

    def recover(self, path: Path) -> None:
        """Open what a crashed session left; it counts as unsaved."""
        self._tasks.start(
            "open", "Recovering", _load_project, path, done=lambda project: self._recovered(project, path)
        )

    def _opened(self, project: Project, path: Path) -> None:
        replaced: tuple[PurposeName, ...] = ("fit", "distil", "load", "preview", "simulate")
        for slot in replaced:
            self._tasks.discard(slot)
        self._data.trust(project)
        self._navigation.stand_at(_furthest(project))
        self._workspace.open(project, path if path.suffix.lower() == PROJECT_SUFFIX else None)
        self._remember(path)
        self._navigation.refresh()

    def _recovered(self, project: Project, path: Path) -> None:
        self._data.trust(project)
        self._navigation.stand_at(_furthest(project))
        self._workspace.open(project, None, modified=True)
        self._recovered_work.adopt(path)
        self._notifier.toast("The work of the session that ended unexpectedly is back. Save it to keep it.", "good")

    def _saved(self, project: Project, path: Path) -> None:
        self._workspace.saved(project, path)
        self._remember(path)
        self._notifier.toast(f"Saved to {path.name}.", "good")

    def _told(self, event: Event) -> None:
        if isinstance(event, Note):
            self._notifier.toast(event.text)

    def _failed(self, path: Path, failed: Failed) -> None:
        settings = self._settings
        settings.change(recent=tuple(other for other in settings.value.recent if other != str(path)))
        self._notifier.toast(failed.sentence, "error", failed.details)

    def _remember(self, path: Path) -> None:
        settings = self._settings
        settings.put(settings.value.with_recent(str(path)))


def _furthest(project: Project) -> Stage:
    """The stage at which work on a project goes on."""
    if project.distillation is not None:
        return "distil"
    if project.fit is not None:
        return "train"
    return "model" if project.spec.model.equations.strip() else "data"


def _read_model(path: Path, *, reporter: Reporter) -> tuple[ModelConfig, tuple[str, ...]]:
    """A model of another program as text and tables, and what was taken otherwise than one might think."""
    from ndestudio.exchange.model_text import to_config

    del reporter
    found = read_kinetic(path)
    return to_config(found), found.notes


def _load_project(path: Path, *, reporter: Reporter) -> Project:
    from ndestudio.project import load_project

    del reporter
    return load_project(path)


def _save_project(project: Project, path: Path, *, reporter: Reporter) -> None:
    from ndestudio.project import save_project

    del reporter
    save_project(project, path)


def _look_through(paths: tuple[Path, ...], *, reporter: Reporter) -> tuple[tuple[Path, ...], str]:
    """The data files of folders, among other files, and what was left out."""
    from ndestudio.data.folders import data_files

    del reporter
    files: list[Path] = []
    sentences = []
    for path in paths:
        if path.is_dir():
            found = data_files(path)
            files += found.files
            sentences.append(found.sentence)
        else:
            files.append(path)
    return tuple(dict.fromkeys(files)), " ".join(sentences)


def _look_at(paths: tuple[Path, ...], *, reporter: Reporter) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The files that have a table or at least rows to show, and a sentence for each of the others."""
    from ndestudio.data.config import DataConfig
    from ndestudio.session.data.look import look

    readable, sentences = [], []
    for path in paths:
        try:
            seen = look(str(path), DataConfig(files=(str(path),)), None, reporter=reporter)
        except DataError as error:
            sentences.append(f"{error}.")
            continue
        rows = 0 if seen.raw is None else sum(any(cell.strip() for cell in row) for row in seen.raw.cells)
        if seen.preview is None and seen.error is not None and rows < 2:
            sentences.append(f"{seen.error}.")
        else:
            readable.append(path)
    return tuple(readable), tuple(sentences)


def _load_spec(path: Path, *, reporter: Reporter) -> Project:
    """A spec with its data; relative file names are relative to the spec."""
    from dataclasses import replace

    from ndestudio.data import load
    from ndestudio.model.statements import data_for
    from ndestudio.project import load_spec, with_base

    spec: Spec = with_base(load_spec(path, lambda text: reporter.emit(Note(text))), path.parent)
    project = Project(spec=spec)
    return (
        replace(project, dataset=load(data_for(spec.data, spec.model.equations), reporter))
        if spec.data.files
        else project
    )
