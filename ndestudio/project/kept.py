"""Results of independent computations, kept on the disk as they come: what was computed is not computed again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ndestudio.distil.result import Recovery
from ndestudio.errors import NdeStudioError, SpecError
from ndestudio.fitting.result import Fit
from ndestudio.fitting.stochastic.bootstrap import Estimate
from ndestudio.fitting.uncertainty.profile_likelihood import Profile
from ndestudio.jobs.executors import Ended, Executor, Task
from ndestudio.jobs.executors import executor as named
from ndestudio.progress import Note, Reporter
from ndestudio.project.codec import Decoder, Encoder
from ndestudio.project.project import Spec
from ndestudio.project.store import DAMAGE, read_array, write_atomically
from ndestudio.symbolic.engine import SearchResult

KINDS: dict[str, type] = {one.__name__: one for one in (Fit, Profile, Recovery, Estimate, SearchResult)}
"""What can be kept, by the name it is kept under."""
SUFFIX = ".ndr"
_MOST_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Place:
    """Who computes, by the text a person names it with ("": this process), and the folder results are kept in."""

    executor: str = ""
    results: Path | None = None

    @classmethod
    def of(cls, executor: str | None, results: Path | None, spec: Spec) -> Place:
        """What was asked for, else what the spec says.

        Raises
        ------
        SpecError
            The spec names an address: whoever sends a file must not choose where data go.
        """
        text = executor if executor is not None else spec.computing.executor
        if executor is None and "://" in text:
            raise SpecError(
                f'[computing] executor = "{text}": a spec names no address; give it on the command line, as --executor {text}'
            )
        return cls(text, results)


class KeptExecutor:
    """An ``Executor`` that asks another one only for what its folder has no result of.

    Parameters
    ----------
    inner
        Who computes.
    folder
        One file for each result, named by the key of its task; None: nothing is kept.

    Raises
    ------
    SpecError
        The folder cannot be made.
    """

    def __init__(self, inner: Executor, folder: Path | None = None) -> None:
        self._inner, self._folder = inner, folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SpecError(
                    f"the folder {folder} cannot be made ({error.strerror or error}); name another for results"
                ) from None

    def __enter__(self) -> KeptExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        return self._inner.name

    def map(self, tasks: Sequence[Task], *, shared: tuple[Any, ...] = (), reporter: Reporter) -> Iterator[Ended]:
        left: list[Task] = []
        there = 0
        for task in tasks:
            result = self._read(task.key, reporter)
            if result is None:
                left.append(task)
                continue
            there += 1
            yield Ended(task.key, result, worker="kept")
        if there:
            reporter.emit(Note(f"{there} of {len(tasks)} results are there already, in {self._folder}"))
        for ended in self._inner.map(left, shared=shared, reporter=reporter) if left else ():
            if not ended.problem and not ended.cut_short:
                self._write(ended.key, ended.result, reporter)
            yield ended

    def close(self) -> None:
        self._inner.close()

    def _read(self, key: str, reporter: Reporter) -> Any:
        """The result that is kept, None where there is none, or none that can be read."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        try:
            return loaded_result(path)
        except (OSError, NdeStudioError, *DAMAGE) as error:
            reporter.emit(Note(f"{path} cannot be read ({error}); it is computed again", "warning"))
            return None

    def _write(self, key: str, result: Any, reporter: Reporter) -> None:
        path = self._path(key)
        if path is None or type(result).__name__ not in KINDS:
            return
        content = result_bytes(result)
        try:
            write_atomically(path, lambda file: file.write(content))
        except OSError as error:
            reporter.emit(
                Note(f"{path} cannot be written ({error.strerror or error}); this result is not kept", "warning")
            )

    def _path(self, key: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{key}{SUFFIX}"


def result_bytes(result: Any) -> bytes:
    """A result as the bytes of its file: values as JSON, arrays as `.npy`."""
    encoder = Encoder()
    plain = encoder.encode(type(result), result)
    content = {"kind": type(result).__name__, "objects": encoder.objects, "result": plain}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("result.json", msgspec.json.encode(content))
        for name, array in encoder.arrays.items():
            with archive.open(f"arrays/{name}.npy", "w", force_zip64=array.nbytes > 2**31) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return file.getvalue()


def loaded_result(path: Path) -> Any:
    """The result in a file; builds nothing but the types of ``KINDS``.

    Raises
    ------
    SpecError
        It is no result of this program.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        if sum(one.file_size for one in archive.infolist()) > _MOST_BYTES:
            raise SpecError(f"it would unpack to more than {_MOST_BYTES // 2**30} GiB")
        content = msgspec.json.decode(archive.read("result.json"))
        if (
            not isinstance(content, dict)
            or content.get("kind") not in KINDS
            or not isinstance(content["objects"], list)
        ):
            raise SpecError("it is no result of NDE Studio")
        decoder = Decoder(content["objects"], lambda name: read_array(archive.read(f"arrays/{name}.npy")))
        return decoder.decode(KINDS[content["kind"]], content["result"])


def executor(text: str, results: str | Path | None = None) -> KeptExecutor:
    """The executor that ``text`` names; use it in a ``with`` block, or close it.

    Parameters
    ----------
    text
        `"here"`, `"local"`, `"local:4"` (processes of this machine), `"dask"`, `"dask:4"`, `"dask:tcp://HOST:8786"`.
    results
        Folder where each result is kept as it comes; what is there is not computed again.

    Raises
    ------
    SpecError
        No executor is called so, it cannot be had, or the folder cannot be made.
    """
    inner = named(text)
    try:
        return KeptExecutor(inner, Path(results) if results is not None else None)
    except BaseException:
        inner.close()
        raise


@contextmanager
def opened(place: Place | None) -> Iterator[Executor | None]:
    """The executor of a place, closed at the end; None where nobody was named and nothing is kept."""
    if place is None or (not place.executor and place.results is None):
        yield None
        return
    made = executor(place.executor or "here", place.results)
    try:
        yield made
    finally:
        made.close()
