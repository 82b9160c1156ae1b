"""How many values a parameter has, as the table of parameters chooses and shows it."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.result import Fit
from ndestudio.model.config import ParameterConfig, RandomConfig
from ndestudio.model.runs import CONDITION, RUN
from ndestudio.session.data.experiments import categories

RANDOM = "random"
KINDS: tuple[Literal["log-normal", "normal", "logit-normal"], ...] = ("log-normal", "normal", "logit-normal")


def choices(dataset: Dataset | None) -> tuple[tuple[str, str], ...]:
    """Words and value of each way in which a parameter may differ between runs; none where there is one run."""
    if dataset is None or len(dataset.trajectories) < 2:
        return ()
    found = [("One value", ""), ("Each run", RUN), ("Population", RANDOM)]
    if dataset.condition_column:
        found.append(("Each condition", CONDITION))
    found += [(f"Each {name}", name) for name in categories(dataset)]
    return tuple(found)


def chosen(config: ParameterConfig) -> str:
    """The value of ``choices`` that the settings stand for."""
    return RANDOM if config.random is not None else config.per


def changes(config: ParameterConfig, wanted: str) -> dict[str, Any]:
    """Changes of the settings for one of ``choices``."""
    if wanted == RANDOM:
        return {"per": "", "random": config.random or RandomConfig(), "fixed": False}
    return {"per": wanted, "random": None, "fixed": config.fixed and wanted != RUN}


def spread_text(config: ParameterConfig) -> str | None:
    """Kind and spread of a population as ``read_spread`` reads them; None without one."""
    random = config.random
    if random is None:
        return None
    sd = "" if random.sd is None else f"{random.sd:g}"
    parts = [random.kind or "", sd, "known" if random.fixed else ""]
    for other, value in random.correlated.items():
        parts += ["with", other, f"{value:g}" if value else ""]
    if random.occasion:
        parts += ["by", random.occasion, "" if random.occasion_sd is None else f"{random.occasion_sd:g}"]
    return " ".join(part for part in parts if part)


def read_spread(config: ParameterConfig, text: str) -> RandomConfig:
    """What was typed of a population: a kind of distribution, a spread, `known` if it is not estimated; each may be left out.

    Raises
    ------
    ValueError
        With a sentence.
    """
    kind, sd, known = None, None, False
    correlated: dict[str, float] = {}
    occasion, occasion_sd = "", None
    words = text.replace(",", " ").split()
    while words:
        word = words.pop(0)
        if word in KINDS:
            kind = word
        elif word == "known":
            known = True
        elif word in ("with", "by"):
            if not words:
                raise ValueError(
                    "`with` is followed by another random parameter, with which it is correlated, and `by` by the input that tells occasions, "
                    "as `0.3 with V by visit`"
                )
            name, number = words.pop(0), _number(words[0]) if words else None
            if number is not None:
                words.pop(0)
            if word == "with":
                correlated[name] = number or 0.0
            else:
                occasion, occasion_sd = name, number
        else:
            sd = _number(word)
            if sd is None or not sd > 0:
                raise ValueError(
                    f"`{word}` is no spread of a population; type a number above 0, before it a kind ({', '.join(KINDS)}) if it is another, "
                    "and after it `known` if it is not to be estimated, as `normal 2 known`; `with V` where it is correlated with that of "
                    "`V`, `by visit` where it is another on each visit"
                )
    if known and sd is None:
        raise ValueError("a spread that is known needs its number, as `0.3 known`")
    before = config.random or RandomConfig()
    return msgspec.structs.replace(
        before, kind=kind, sd=sd, fixed=known, correlated=correlated, occasion=occasion, occasion_sd=occasion_sd
    )


def _number(word: str) -> float | None:
    try:
        found = float(word)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def fitted_words(name: str, config: ParameterConfig, fit: Fit | None) -> str:
    """What a fit found for a parameter that differs between runs; "" where it has one value or nothing was fitted."""
    if fit is None or name in fit.model.parameters:
        return ""
    model = fit.model
    effects = fit.population.effects if fit.population is not None else ()
    effect = next((one for one in effects if one.parameter == f"{name}_pop" and not one.occasion), None)
    if f"{name}_pop" in model.parameters:
        spread = f", spread {effect.sd:.3g}" if effect is not None else ""
        return f"{model.parameters[f'{name}_pop']:.4g}{spread}"
    groups = [key for key in model.parameters if key.startswith(f"{name}_")] if config.per != RUN else []
    if groups and name in model.system.outputs:
        return ", ".join(f"{key.removeprefix(f'{name}_')} {model.parameters[key]:.4g}" for key in groups)
    state = next((one for one in (name, f"{name}_run") if one in model.system.states), None)
    if state is None:
        return ""
    values = np.array([start[model.system.states.index(state)] for start in model.initial.values()])
    return f"{values.min():.4g} to {values.max():.4g}"


__all__ = ["changes", "choices", "chosen", "fitted_words", "read_spread", "spread_text"]
