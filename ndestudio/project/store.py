"""The project file: a zip archive of `project.json` (settings, results; numbered schema) and `arrays/NAME.npy`.

It is written whole or not at all, and reading it runs nothing: no pickle, sizes checked before anything is unpacked.
Data files are not needed to open a project; the measured values are inside.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ndestudio import __version__
from ndestudio.errors import ProjectError
from ndestudio.fitting.result import Checkpoint, Fit
from ndestudio.project.codec import Damaged, Decoder, Encoder
from ndestudio.project.migrations import SCHEMA, migrate
from ndestudio.project.project import Project, Run

FORMAT = "ndestudio-project"
SUFFIX = ".nde"
CHECKPOINTS = 24
"""Checkpoints kept per fit in the file, spread over the training."""

_TEXT_LIMIT = 512 * 2**20
_TOTAL_LIMIT = 8 * 2**30
_MEMBER_LIMIT = 200_000
_BOMB_SIZE = 16 * 2**20
_BOMB_RATIO = 100
"""Arrays are stored as they are and settings shrink tenfold: what shrank more is made to fill the memory."""
_STAMP = (1980, 1, 1, 0, 0, 0)
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    msgspec.DecodeError,
    Damaged,
    KeyError,
    ValueError,
    RecursionError,
    MemoryError,
)


def save_project(project: Project, path: str | Path) -> Path:
    """Write a project file, whole or not at all; an older file of that name survives any failure.

    Parameters
    ----------
    path
        Gets the suffix `.nde` if it has none.

    Returns
    -------
    Path
        The path written.

    Raises
    ------
    ProjectError
        With the reason (no such folder, no permission, disk full).
    """
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(SUFFIX)
    try:
        write_atomically(path, lambda file: _write(thinned(project), file))
    except OSError as error:
        raise ProjectError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from None
    return path


def project_bytes(project: Project) -> bytes:
    """What ``save_project`` would write to a file."""
    file = io.BytesIO()
    _write(thinned(project), file)
    return file.getvalue()


def load_project(path: str | Path) -> Project:
    """Read a project file.

    Raises
    ------
    ProjectError
        With what is wrong with the file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return _read(archive)
    except FileNotFoundError:
        raise ProjectError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ProjectError(f"{path}: this is a folder, not a project file") from None
    except OSError as error:
        raise ProjectError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ProjectError as error:
        raise ProjectError(f"{path}: {error}") from None
    except DAMAGE as error:
        raise ProjectError(f"{path}: {_diagnosis(path, error)}") from None


def write_atomically(path: Path, write: Callable[[Any], None]) -> None:
    """Call ``write(file)`` on a temporary file beside ``path``, flush it to the disk, and put it in the place of ``path``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _keep_mode(path, Path(name))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def thinned(project: Project, keep: int = CHECKPOINTS) -> Project:
    """The project with at most ``keep`` checkpoints per fit: the first, the last, the best, and others evenly between."""
    known: dict[int, Fit] = {}

    def thin(fit: Fit | None) -> Fit | None:
        if fit is None or len(fit.checkpoints) <= keep:
            return fit
        if id(fit) not in known:
            known[id(fit)] = replace(fit, checkpoints=_spread(fit.checkpoints, keep))
        return known[id(fit)]

    def thin_run(run: Run) -> Run:
        fit = thin(run.fit)
        return run if fit is run.fit else replace(run, fit=fit)

    return replace(project, fit=thin(project.fit), runs=tuple(thin_run(run) for run in project.runs))


def _spread(checkpoints: tuple[Checkpoint, ...], keep: int) -> tuple[Checkpoint, ...]:
    def error(n: int) -> float:
        one = checkpoints[n]
        value = one.loss if one.validation_loss is None else one.validation_loss
        return value if np.isfinite(value) else np.inf

    best = min(range(len(checkpoints)), key=error)
    even = np.linspace(0, len(checkpoints) - 1, keep - 1).round().astype(int)
    return tuple(checkpoints[n] for n in sorted({best, *even.tolist()}))


def _write(project: Project, file: Any) -> None:
    encoder = Encoder()
    plain = encoder.encode(Project, project)
    content = {
        "format": FORMAT,
        "schema": SCHEMA,
        "program": __version__,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "objects": encoder.objects,
        "project": plain,
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        text = zipfile.ZipInfo("project.json", _STAMP)
        text.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(text, msgspec.json.encode(content))
        for name, array in encoder.arrays.items():
            with archive.open(zipfile.ZipInfo(_member(name), _STAMP), "w", force_zip64=array.nbytes > 2**31) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read(archive: zipfile.ZipFile) -> Project:
    members = {info.filename: info for info in archive.infolist()}
    if "project.json" not in members:
        raise ProjectError("it is no project of NDE Studio (it holds no project.json)")
    total = sum(info.file_size for info in members.values())
    if len(members) > _MEMBER_LIMIT or total > _TOTAL_LIMIT or members["project.json"].file_size > _TEXT_LIMIT:
        raise ProjectError(
            f"it would unpack to {total / 2**30:.1f} GiB in {len(members)} parts, more than a project may hold; "
            "it was not written by NDE Studio or is damaged"
        )
    packed = sum(info.compress_size for info in members.values())
    if total > _BOMB_SIZE and total > _BOMB_RATIO * packed:
        raise ProjectError(
            f"its {packed / 2**20:.2g} MiB would unpack to {total / 2**20:.0f} MiB, which no project does; "
            "it was not written by NDE Studio or is damaged"
        )
    content = msgspec.json.decode(archive.read("project.json"))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProjectError("it is no project of NDE Studio (its project.json is of something else)")
    content = migrate(content)
    if not isinstance(content["objects"], list):
        raise Damaged("objects: expected a list")
    arrays: dict[str, np.ndarray] = {}

    def array(name: str) -> np.ndarray:
        if name not in arrays:
            arrays[name] = read_array(archive.read(_member(name)))
        return arrays[name]

    return Decoder(content["objects"], array).decode(Project, content["project"])


def read_array(data: bytes) -> np.ndarray:
    """An array from the bytes of a .npy member; its header may not promise more than there is."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if dtype.kind not in "biuf":
        raise Damaged(f"an array of {dtype} is none that NDE Studio writes")
    rest = data[file.tell() :]
    count = 1
    for length in shape:
        count *= length
    if count * dtype.itemsize != len(rest):
        raise Damaged("an array is not as long as its header says")
    flat = np.frombuffer(rest, dtype=dtype).astype(dtype.newbyteorder("="))
    return flat.reshape(shape, order="F" if fortran else "C")


def _member(name: str) -> str:
    return f"arrays/{name}.npy"


def _diagnosis(path: Path, error: BaseException) -> str:
    if isinstance(error, zipfile.BadZipFile) and not _begins_like_a_zip(path):
        return "it is no project of NDE Studio (or its beginning is damaged); open the .nde file itself"
    detail = str(error).strip("'\"") or type(error).__name__
    return f"the file is damaged or was cut short ({detail}); open an older copy of it, or an autosave"


def _begins_like_a_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _keep_mode(old: Path, new: Path) -> None:
    """Give the new file the permissions of the one it replaces, else those of any new file."""
    try:
        mode = old.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    if os.name == "posix":
        new.chmod(mode)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
