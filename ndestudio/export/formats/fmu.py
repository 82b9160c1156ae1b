"""A model as a Functional Mock-up Unit, for model exchange and co-simulation, without a compiler."""

from __future__ import annotations

import hashlib
import io
import platform
import re
import sys
import uuid
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ndestudio.export.content import Content
from ndestudio.export.exporter import Exporter, Options, Subject, Trial
from ndestudio.export.fmu.binaries import binaries
from ndestudio.export.fmu.description import described
from ndestudio.export.fmu.platforms import sources
from ndestudio.export.fmu.program import tables
from ndestudio.export.names import ascii_identifier

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Time of files in the archive: the same model is the same file."""
BUILD = """\
<?xml version="1.0" encoding="UTF-8"?>
<fmiBuildDescription fmiVersion="3.0">
  <BuildConfiguration modelIdentifier="@NAME@">
    <SourceFileSet language="C99">
@FILES@
    </SourceFileSet>
  </BuildConfiguration>
</fmiBuildDescription>
"""


def write(subject: Subject, options: Options, version: int) -> bytes:
    """The archive.

    Raises
    ------
    ExportError
        The model has something that FMUs are not written with, or the libraries are missing here.
    """
    content = subject.content
    name = _identifier(content)
    made = tables(content)
    token = _token(content, made.written(""), version)
    files = {path.name: path.read_bytes() for path in sources()}
    units = [file for file in files if file.endswith(".c")]
    packed = {
        "modelDescription.xml": described(content, version, name, token, _date(content), units),
        "resources/model.bin": made.written(token),
        **{f"sources/{file}": data for file, data in files.items()},
    }
    if version == 3:
        listed = "\n".join(f'      <SourceFile name="{file}"/>' for file in units)
        packed["sources/buildDescription.xml"] = BUILD.replace("@NAME@", name).replace("@FILES@", listed).encode()
    packed |= binaries(version, name)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path, data in packed.items():
            entry = zipfile.ZipInfo(path, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.startswith("binaries/") else 0o644) << 16
            archive.writestr(entry, data)
    return stream.getvalue()


def _identifier(content: Content) -> str:
    """The name of libraries and functions: letters, digits and `_`."""
    name = "_".join(ascii_identifier(content.title).split("_")).strip("_")
    return name[:60] or "model"


def _token(content: Content, data: bytes, version: int) -> str:
    digest = hashlib.sha256(data)
    for one in (content.title, str(version), content.origin.program, *content.names):
        digest.update(one.encode("utf-8") + b"\0")
    return f"{{{uuid.UUID(bytes=digest.digest()[:16])}}}"


def _date(content: Content) -> str:
    """The date of the export as the XML has it, "" where there is none."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d)?.*", content.origin.date)
    return f"{match[1]}{match[2] or 'T00:00:00'}Z" if match else ""


def run(trial: Trial) -> Sequence[str] | str:
    """How the FMU is run again: by co-simulation, through its library for this machine."""
    place = {"linux": "linux", "win32": "windows", "darwin": "darwin"}.get(sys.platform, sys.platform)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    script = Path(__file__).resolve().parent.parent / "fmu" / "host.py"
    return [sys.executable, "-I", str(script), trial.file, str(trial.points), f"{machine}-{place}"]


def _exporter(name: str, version: int, file: str, description: str) -> Exporter:
    return Exporter(
        name,
        f"FMU (FMI {version}.0)",
        file,
        partial(write, version=version),
        label=f"FMU {version}.0",
        description=description,
        rerun=run,
        events=True,
    )


EXPORTER = _exporter("fmu", 2, "model.fmu", "For Simulink, Dymola, OpenModelica")
EXPORTER_3 = _exporter("fmu3", 3, "model3.fmu", "For tools that know FMI 3.0")
