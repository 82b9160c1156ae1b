"""The window says which former words a spec had."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

from ndestudio.session.session import Session
from tests.session.helpers import toasts, wait


def test_former_words_of_a_spec_are_told(session: Session, csv: Path, tmp_path: Path, shell: Mock) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(f'[data]\nfiles = ["{csv.name}"]\n[distil]\nholes = ["f"]\n', encoding="utf-8")
    session.files.open([path])
    wait(session)
    assert session.project.spec.distil.neural_terms == ("f",)
    assert any("`holes` is now called `neural_terms`" in text for text in toasts(shell))
