"""Types are met by one thread at a time."""

import re
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest

import ndestudio
from ndestudio import decoding


def test_types_are_met_in_one_place():
    package = Path(ndestudio.__file__).parent
    typed = re.compile(r"msgspec\.(json|toml|yaml|msgpack)\.decode\([^\n]*type=|msgspec\.convert\(|\.Decoder\(")
    found = [path.name for path in package.rglob("*.py") if typed.search(path.read_text(encoding="utf-8"))]
    assert found == ["decoding.py"]


def test_a_second_thread_waits(monkeypatch: pytest.MonkeyPatch):
    entered, go_on, inside = Event(), Event(), []

    def slow(data: bytes, type: object) -> None:
        inside.append(type)
        entered.set()
        go_on.wait(60)

    monkeypatch.setattr(msgspec.json, "decode", slow)
    first, second = (Thread(target=decoding.from_json, args=(b"", name)) for name in ("one", "two"))
    first.start()
    assert entered.wait(60)
    second.start()
    second.join(0.2)
    assert inside == ["one"] and second.is_alive()
    go_on.set()
    first.join(60)
    second.join(60)
    assert inside == ["one", "two"]
