"""The library: mechanistic terms to insert into equations, and whole systems to start from."""

from __future__ import annotations

from ndestudio.model.library.base import Template, Term

__all__ = ["Template", "Term", "system", "systems", "term", "terms"]


def terms() -> tuple[Term, ...]:
    """All terms, by category."""
    from ndestudio.model.library.mechanisms import TERMS

    return TERMS


def systems() -> tuple[Template, ...]:
    """All template systems, by category."""
    from ndestudio.model.library import chance, life, matter

    return (*life.SYSTEMS, *matter.SYSTEMS, *chance.SYSTEMS)


def term(name: str) -> Term:
    """The term called ``name``; KeyError if there is none."""
    for entry in terms():
        if entry.name == name:
            return entry
    raise KeyError(name)


def system(name: str) -> Template:
    """The template called ``name``; KeyError if there is none."""
    for entry in systems():
        if entry.name == name:
            return entry
    raise KeyError(name)
