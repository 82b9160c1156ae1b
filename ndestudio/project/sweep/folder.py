"""A sweep on the disk: what is to be done, and one file for each result, so that a kill at any moment loses none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ndestudio import __version__
from ndestudio.errors import SpecError
from ndestudio.json_text import plain
from ndestudio.project.project import Spec
from ndestudio.project.spec import dump_spec, load_spec, with_files
from ndestudio.project.store import write_atomically
from ndestudio.project.sweep.row import Row, Work
from ndestudio.project.sweep.vary import Variant, Variation, variants

PLAN, SPEC, RESULTS, PROJECTS, DATA = "sweep.json", "spec.toml", "results", "projects", "data"
FORMAT = "NDE Studio sweep"
_MOST_BYTES = 16 * 2**20
_T = TypeVar("_T")


class Varied(msgspec.Struct, frozen=True):
    """A ``Variation`` as it is written to the plan."""

    setting: tuple[str, ...]
    values: tuple[Any, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep is about, but for the spec, which lies beside it."""

    format: str = FORMAT
    schema: int = 1
    program: str = __version__
    work: Work = "run"
    keep: bool = False
    varied: tuple[Varied, ...] = ()


class SweepFolder:
    """A folder that holds a sweep.

    Parameters
    ----------
    path
        With a plan and a spec in it; ``made`` makes one.

    Raises
    ------
    SpecError
        The folder holds no sweep, or what it holds cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / PLAN).is_file():
            raise SpecError(f"{path} holds no sweep (there is no {PLAN}); `ndestudio sweep SPEC --vary ...` makes one")
        self.plan = _decoded(path / PLAN, Plan)
        if self.plan.format != FORMAT or self.plan.schema != 1:
            raise SpecError(
                f"{path / PLAN} is of a kind that this version does not know; read it with the version that wrote it"
            )
        self.spec = load_spec(path / SPEC)

    @property
    def variations(self) -> tuple[Variation, ...]:
        return tuple(Variation(one.setting, one.values) for one in self.plan.varied)

    def variants(self) -> list[Variant]:
        """All combinations, in their order."""
        return variants(self.spec, self.variations)

    def rows(self) -> list[Row]:
        """All results there are, those that cannot be read left out, by number and end."""
        found = [row for path in sorted((self.path / RESULTS).glob("*.json")) if (row := _row(path)) is not None]
        return sorted(found, key=lambda row: (row.number, row.ended))

    def keys(self) -> set[str]:
        """Of the results there are."""
        return {row.key for row in self.rows()}

    def store(self, row: Row, project: bytes = b"") -> None:
        """Keep a result, whole or not at all; the project first, so that a row never lacks its own."""
        if project:
            folder = self.path / PROJECTS
            folder.mkdir(exist_ok=True)
            write_atomically(folder / f"{row.key}.nde", lambda file: file.write(project))
        folder = self.path / RESULTS
        folder.mkdir(exist_ok=True)
        content = msgspec.json.encode(plain(msgspec.to_builtins(row)))
        write_atomically(folder / f"{row.key}.json", lambda file: file.write(content))

    def project(self, key: str) -> Path | None:
        """The project file of a result, where it was kept."""
        path = self.path / PROJECTS / f"{key}.nde"
        return path if path.is_file() else None


def made(
    path: Path,
    spec: Spec,
    variations: Sequence[Variation],
    *,
    work: Work = "run",
    keep: bool = False,
    carry: bool = False,
) -> SweepFolder:
    """A folder for a sweep; one that holds the same spec already goes on, with these variations.

    Parameters
    ----------
    carry
        Copy the data files into the folder, so that it can be taken elsewhere.

    Raises
    ------
    SpecError
        The folder cannot be written, or holds a sweep of another spec.
    """
    variants(spec, variations)  # what cannot be is said before anything is written
    plan = Plan(work=work, keep=keep, varied=tuple(Varied(one.setting, one.values) for one in variations))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if carry:
            spec = with_files(spec, _carried(path / DATA, spec.data.files))
        text = dump_spec(spec, base=path)
        if (path / PLAN).exists():
            old = SweepFolder(path)
            if dump_spec(old.spec, base=path) != dump_spec(load_text(text, path), base=path) or old.plan.work != work:
                raise SpecError(
                    f"{path} holds a sweep of another spec; name another folder with -o, or remove that one"
                )
        write_atomically(path / SPEC, lambda file: file.write(text.encode()))
        content = msgspec.json.format(msgspec.json.encode(plan))
        write_atomically(path / PLAN, lambda file: file.write(content))
    except OSError as error:
        raise SpecError(
            f"the folder {path} cannot be written ({error.strerror or error}); name another with -o"
        ) from None
    return SweepFolder(path)


def load_text(text: str, base: Path) -> Spec:
    """A spec as it will be read from a file in ``base``."""
    from ndestudio.project.spec import parse_spec, with_base

    return with_base(parse_spec(text), base.resolve())


def _carried(folder: Path, files: Sequence[str]) -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    names: dict[str, str] = {}
    for number, file in enumerate(files):
        name = Path(file).name
        name = f"{number}-{name}" if name in names.values() else name
        names[file] = name
        if Path(file).resolve() != (folder / name).resolve():
            shutil.copyfile(file, folder / name)
    return tuple(str((folder / name).resolve()) for name in names.values())


def _row(path: Path) -> Row | None:
    try:
        return _decoded(path, Row)
    except SpecError:
        return None


def _decoded(path: Path, type_: type[_T]) -> _T:
    from ndestudio.decoding import from_json

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SpecError(f"{path} is larger than {_MOST_BYTES // 2**20} MiB, so it was not written by this program")
        return from_json(path.read_bytes(), type_)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read ({error})") from None
