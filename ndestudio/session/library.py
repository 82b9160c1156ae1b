"""The library of mechanistic terms and template systems, as entries that can be inserted."""

from __future__ import annotations

from ndestudio.model.config import ModelConfig
from ndestudio.session.model_state import LibraryEntry


def entries() -> tuple[LibraryEntry, ...]:
    """All entries, terms first."""
    return ()


def inserted(model: ModelConfig, kind: str, key: str, position: int) -> ModelConfig:
    """The model with an entry put in at a position of its text (a template replaces the text)."""
    del kind, key, position
    return model
