import logging
from pathlib import Path

import msgspec
import pytest

from ndestudio.session.settings import Settings, SettingsStore


def test_settings_survive(tmp_path: Path):
    path = tmp_path / "deep" / "settings.json"
    SettingsStore(path).change(scheme="dark", shortcuts={"train": "F9"})
    again = SettingsStore(path).value
    assert again.scheme == "dark"
    assert again.shortcuts == {"train": "F9"}


def test_recent_files_are_unique_newest_first_and_limited():
    settings = Settings()
    for number in range(15):
        settings = settings.with_recent(f"{number}.csv")
    settings = settings.with_recent("10.csv")
    assert settings.recent[:2] == ("10.csv", "14.csv")
    assert len(settings.recent) == 10
    assert len(set(settings.recent)) == 10


@pytest.mark.parametrize("content", [b"", b"{", b'{"scheme": "pink"}', b"[1]", b"\xff\xfe"])
def test_a_broken_file_means_defaults(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert SettingsStore(path).value == Settings()
    assert str(path) in caplog.text


def test_keys_of_a_newer_version_are_ignored(tmp_path: Path):
    path = tmp_path / "settings.json"
    path.write_bytes(b'{"scheme": "light", "hologram": true}')
    assert SettingsStore(path).value == msgspec.structs.replace(Settings(), scheme="light")


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").write_text("")
    store = SettingsStore(tmp_path / "file" / "settings.json")
    store.change(scheme="dark")
    assert store.value.scheme == "dark"
    assert "cannot be written" in caplog.text
