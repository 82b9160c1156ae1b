from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ndestudio.cli.desktop import _quoted
from ndestudio.cli.main import main

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="desktop entries are of Linux")


def test_the_entry_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["desktop", "install"]) == 0
    entry = (tmp_path / "applications/ndestudio.desktop").read_text(encoding="utf-8")
    assert f"Exec={sys.executable} -m ndestudio %F" in entry and "MimeType=application/x-ndestudio;" in entry
    kind = ElementTree.parse(tmp_path / "mime/packages/ndestudio.xml").getroot()[0]
    assert kind.get("type") == "application/x-ndestudio"
    assert (tmp_path / "icons/hicolor/scalable/apps/ndestudio.svg").stat().st_size > 100
    assert main(["desktop", "remove"]) == 0
    assert not [path for path in tmp_path.rglob("*ndestudio*") if path.is_file()]


def test_commands_are_quoted_as_entries_want_it() -> None:
    assert _quoted("/usr/bin/python3") == "/usr/bin/python3"
    assert _quoted("/my programs/python") == '"/my programs/python"'
    assert _quoted("/a$b/python") == '"/a\\\\$b/python"'
    assert _quoted("/100%/python") == '"/100%%/python"'
