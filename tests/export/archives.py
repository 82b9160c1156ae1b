"""What an artefact says as text, archives too."""

from __future__ import annotations

import html
import io
import re
import zipfile

from ndestudio.export.artefacts import Artefact


def said(made: Artefact) -> str:
    """The text; of an FMU its description, without its identifier."""
    if not made.data:
        return made.text
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        text = html.unescape(archive.read("modelDescription.xml").decode("utf-8"))
    return re.sub(r"\{[-0-9a-f]{36}\}", "{identifier}", text)
