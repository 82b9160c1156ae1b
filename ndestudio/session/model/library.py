"""The library of mechanistic terms and template systems, as entries that can be inserted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.session.model.state import LibraryEntry


@cache
def entries() -> tuple[LibraryEntry, ...]:
    """All entries, terms first."""
    from ndestudio.model.library import systems, terms

    found = [
        LibraryEntry(
            "term",
            term.name,
            term.category,
            term.title,
            term.text,
            "\n".join(
                (
                    term.description,
                    f"{term.text}   [{term.unit}]",
                    *(f"{name}: {meaning}" for name, meaning in term.arguments.items()),
                    *_parameter_lines(term.parameters),
                    f"Source: {term.source}",
                )
            ),
        )
        for term in terms()
    ]
    found += [
        LibraryEntry(
            "system",
            template.name,
            template.category,
            template.title,
            template.equations,
            "\n".join(
                (
                    template.description,
                    template.equations.strip(),
                    *_parameter_lines(template.parameters),
                    f"Time in {template.time}. Source: {template.source}",
                )
            ),
        )
        for template in systems()
    ]
    return tuple(found)


def inserted(
    model: ModelConfig, kind: str, key: str, position: int, states: tuple[str, ...] = (), taken: Iterable[str] = ()
) -> ModelConfig:
    """The model with an entry put in at a position of its text; a template replaces the text.

    Parameters
    ----------
    states
        Names that stand for the arguments of a term, or the states of a template, in order.
    taken
        Names that constants must not be called.
    """
    from ndestudio.model.library import system, term

    if kind == "term":
        entry = term(key)
        names = dict(zip(entry.arguments, states, strict=False))
        used = {*taken, *states}
        for name in entry.parameters:
            names[name] = _free(name, used)
            used.add(names[name])
        text = _renamed(entry.text, names)
        before, after = model.equations[:position], model.equations[position:]
        if before.rstrip(" ") and not before.rstrip(" ").endswith(("=", "(", "+", "-", "*", "/", "\n")):
            text = text if text.startswith("-") else f"+ {text}"
        text = text if not before or before.endswith((" ", "\n", "(")) else f" {text}"
        parameters = {**model.parameters, **{names[name]: config for name, config in entry.parameters.items()}}
        return msgspec.structs.replace(model, equations=before + text + after, parameters=parameters)
    template = system(key).config()
    own = tuple(template.initial)
    if states and len(states) == len(own):
        names = dict(zip(own, states, strict=True))
        return msgspec.structs.replace(
            template, equations=_renamed(template.equations, names), initial={}, units={}, name=""
        )
    return template


def _parameter_lines(parameters: Mapping[str, ParameterConfig]) -> list[str]:
    return [
        f"{name} = {config.value:g} {config.unit}".rstrip() + (f"  ({config.note})" if config.note else "")
        for name, config in parameters.items()
    ]


def _free(name: str, used: set[str]) -> str:
    """The name, numbered if it is in use."""
    if name not in used:
        return name
    number = 2
    while f"{name}{number}" in used:
        number += 1
    return f"{name}{number}"


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """Replace whole names, all at once."""
    if not names:
        return text
    pattern = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, names)) + r")(?!\w)")
    return pattern.sub(lambda found: names[found.group()], text)
