"""All systems of the discovery benchmark: those of the training benchmark with nothing told, and further published ones."""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np

from benchmarks.discovery.published_life import LIFE
from benchmarks.discovery.published_matter import MATTER
from benchmarks.discovery.system import DiscoverySystem
from benchmarks.training import zoo
from ndestudio.expression import Number, fold, to_text
from ndestudio.expression.tree import substitute
from ndestudio.model import library
from ndestudio.model.config import ModelConfig
from ndestudio.model.parse import parse_system

QUICK = (
    "logistic",
    "competition",
    "holling_3",
    "chlorine_iodine",
    "double_well",
    "pendulum_torque",
    "overdamped_pendula",
    "lienard_oscillator",
    "fitzhugh_nagumo",
    "psychological_effect",
    "indirect_response",
    "lorenz",
)
"""Twelve that stand for all: every field, one to three states, polynomials, fractions, sines, an absolute value, chaos."""

GROUPS = {
    "ecology": "lotka_volterra rosenzweig_macarthur competition logistic gompertz holling allee",
    "epidemics": "sir seir viral_dynamics saturating_sir",
    "pharmacology": "two_compartment oral_absorption michaelis_menten_elimination saturable_absorption",
    "neuroscience": "fitzhugh_nagumo morris_lecar",
    "chaos": "lorenz rossler",
    "chemistry": "michaelis_menten enzyme_mass_action consecutive_reactions reversible_bimolecular robertson brusselator "
    "repressilator chemostat cstr goodwin selkov haldane fermentation toggle oregonator",
}
"""Of the systems of the training benchmark; the others are mechanics (with circuits, tanks and heat)."""

STARTS = {"rlc": ((0.0, 0.0), (8e-06, 0.0), (2e-06, 0.03), (5e-06, -0.02))}
"""Of systems whose own start is zero."""

SOURCES = {
    "saturating_sir": "V. Capasso and G. Serio, Math. Biosci. 42, 1978",
    "van_der_pol_5": "B. van der Pol, Phil. Mag. 2, 1926",
    "relaxation": "A. Lienard, Rev. Gen. Electr. 23, 1928",
    "rossler": "O. E. Rossler, Phys. Lett. A 57, 1976",
    "goodwin": "B. C. Goodwin, Adv. Enzyme Regul. 3, 1965",
    "selkov": "E. E. Sel'kov, Eur. J. Biochem. 4, 1968",
    "saturable_absorption": "M. Gibaldi and D. Perrier, Pharmacokinetics, 2nd ed. 1982",
    "haldane": "J. F. Andrews, Biotechnol. Bioeng. 10, 1968",
    "allee": "M. A. Lewis and P. Kareiva, Theor. Popul. Biol. 43, 1993",
    "pendulum_drag": "J. R. Taylor, Classical Mechanics, 2005",
    "cart": "S. Andersson et al., Comput. Struct. 85, 2007 (smooth friction)",
    "valve_tank": "D. E. Seborg et al., Process Dynamics and Control, 4th ed. 2016",
    "fermentation": "R. Luedeking and E. L. Piret, J. Biochem. Microbiol. Technol. Eng. 1, 1959; O. Levenspiel, 1980",
    "holling": "C. S. Holling, Can. Entomol. 91, 1959 (type II)",
    "morris_lecar": "C. Morris and H. Lecar, Biophys. J. 35, 1981",
    "toggle": "T. S. Gardner, C. R. Cantor and J. J. Collins, Nature 403, 2000",
    "heated_room": "F. P. Incropera et al., Fundamentals of Heat and Mass Transfer, 6th ed. 2007",
    "oregonator": "R. J. Field and R. M. Noyes, J. Chem. Phys. 60, 1974",
}


@cache
def systems() -> dict[str, DiscoverySystem]:
    """Name -> system."""
    sources = {one.name: one.source for one in library.systems()} | SOURCES
    groups = {name: group for group, names in GROUPS.items() for name in names.split()}
    found = [_nothing_told(one, groups.get(one.name, "mechanics"), sources[one.name]) for one in zoo.systems()]
    return {one.name: one for one in (*found, *LIFE, *MATTER)}


def _nothing_told(known: zoo.Known, group: str, source: str) -> DiscoverySystem:
    """A system of the training benchmark with its constants in its laws, and four starts around its own."""
    states = tuple(known.initial)
    system = parse_system(ModelConfig(equations=known.equations), states, tuple(known.inputs))
    values = {name: Number(float(known.values[name])) for name in system.parameters}
    laws = {state: to_text(fold(substitute(law, values))) for state, law in zip(system.states, system.rhs, strict=True)}
    initial = np.array([known.initial[state] for state in system.states])
    generator = np.random.default_rng(zlib.crc32(known.name.encode()))
    factors = [np.ones(len(initial))]
    factors += [generator.uniform(1 - known.scatter, 1 + known.scatter, len(initial)) for _ in range(3)]
    starts = STARTS.get(known.name) or tuple(
        tuple(float(f"{value:.4g}") for value in initial * factor) for factor in factors
    )
    return DiscoverySystem(known.name, group, source, known.span, laws, starts, dict(known.inputs), known.decades)
