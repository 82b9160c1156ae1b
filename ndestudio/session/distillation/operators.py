"""Building blocks of a search: presets, single operators, and what each costs."""

from __future__ import annotations

from ndestudio.distil.config import DistilConfig
from ndestudio.session.distillation.state import OperatorRow, PresetRow
from ndestudio.symbolic.presets import OPERATORS, PRESETS, resolve_operators


def preset_rows() -> tuple[PresetRow, ...]:
    return tuple(PresetRow(preset.name, preset.title, preset.hint) for preset in PRESETS.values())


def preset_name(config: DistilConfig) -> str:
    """The preset whose operators are in use, "" for a choice of one's own."""
    used, _ = _resolved(config)
    return next((name for name, preset in PRESETS.items() if set(preset.operators) == set(used)), "")


def operator_rows(config: DistilConfig) -> tuple[OperatorRow, ...]:
    """Every operator an engine knows."""
    used, costs = _resolved(config)
    return tuple(OperatorRow(name, name in used, costs.get(name, 1)) for name in OPERATORS)


def with_operator(config: DistilConfig, name: str, used: bool) -> tuple[str, ...] | str:
    """The operators with one more or one less; at least one stays."""
    now, _ = _resolved(config)
    wanted = tuple(o for o in OPERATORS if (o == name and used) or (o in now and o != name))
    return wanted or config.operators


def with_cost(config: DistilConfig, name: str, cost: int) -> dict[str, int]:
    return {**config.complexity, name: cost}


def _resolved(config: DistilConfig) -> tuple[tuple[str, ...], dict[str, int]]:
    try:
        return resolve_operators(config.operators, config.complexity)
    except ValueError:
        return (), {}
