"""Where results came from, as an RO-Crate: `ro-crate-metadata.json` beside the files it describes.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the profile for processes (https://w3id.org/ro/wfrun/process/0.5): data files and the spec are
the objects of an action, this program its instrument, what was written its results.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ndestudio import __version__
from ndestudio.data.dataset import Source
from ndestudio.errors import ExportError
from ndestudio.json_text import json_text
from ndestudio.project.project import Project
from ndestudio.project.replay.history import history

NAME = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_SOFTWARE = "#ndestudio"
_CHUNK = 2**20


def write_ro_crate(project: Project, folder: Path, files: Sequence[Path], licence: str = "") -> Path:
    """Describe ``files`` in ``folder`` as results of ``project``.

    Parameters
    ----------
    licence
        Address of a licence; "" says that none is stated.

    Raises
    ------
    ExportError
        The folder cannot be written.
    """
    path = folder / NAME
    try:
        path.write_text(json_text(ro_crate(project, folder, files, licence)), encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({error.strerror or error}); choose another folder") from None
    return path


def ro_crate(project: Project, folder: Path, files: Sequence[Path], licence: str = "") -> dict[str, Any]:
    """The metadata as JSON-LD: the crate, its files with SHA-256, and an action for each step of the history."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results = [_file(path, folder) for path in sorted(set(files)) if path.name != NAME and path.is_file()]
    data = [_source(one) for one in (project.dataset.sources if project.dataset is not None else ())]
    actions = list(_actions(project, [one["@id"] for one in data], [one["@id"] for one in results], now))
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": project.spec.name or "Results of NDE Studio",
        "description": project.spec.description
        or "A model of measured time series, its equations and how they were found.",
        "datePublished": now,
        "license": {"@id": licence} if licence else "No licence is stated; ask whoever gave you these files.",
        "conformsTo": {"@id": _PROFILE},
        "hasPart": [{"@id": one["@id"]} for one in (*results, *data)],
        "mentions": [{"@id": one["@id"]} for one in actions],
    }
    software = {
        "@id": _SOFTWARE,
        "@type": "SoftwareApplication",
        "name": "NDE Studio",
        "version": __version__,
        "softwareVersion": __version__,
    }
    about = {
        "@id": NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    profile = {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    graph = [about, root, *results, *data, software, *actions, profile]
    return {
        "@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": graph,
    }


def _actions(project: Project, data: list[str], results: list[str], now: str) -> Iterable[dict[str, Any]]:
    steps = [step for step in history(project) if step.kind in ("fit", "search", "choice")]
    for number, step in enumerate(steps, start=1):
        last = number == len(steps)
        yield {
            "@id": f"#step-{number}",
            "@type": "CreateAction",
            "name": step.title,
            "description": "\n".join(step.details),
            "instrument": {"@id": _SOFTWARE},
            "object": [{"@id": one} for one in data],
            "result": [{"@id": one} for one in results] if last else [],
            "endTime": step.when or now,
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        }


def _file(path: Path, folder: Path) -> dict[str, Any]:
    kind, _ = mimetypes.guess_type(path.name)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return {
        "@id": path.resolve().relative_to(folder.resolve()).as_posix().replace(" ", "%20"),
        "@type": "File",
        "name": path.name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": kind or "application/octet-stream",
        "sha256": digest.hexdigest(),
    }


def _source(one: Source) -> dict[str, Any]:
    """A data file: it lies elsewhere, so it is known by its bytes."""
    return {
        "@id": f"#data-{one.sha256[:16] or Path(one.path).name}",
        "@type": "CreativeWork",
        "name": Path(one.path).name,
        "description": "A file of measurements, not part of the crate",
        "sha256": one.sha256,
    }
