"""The models of the benchmark: latent hybrid, expert, neural ODE; residual and ensemble are made of the last two.

Constants of the expert model are known (as in the paper); what markers show of the states, and the unknown states, are not.
"""

from __future__ import annotations

from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, PriorConfig

EXPERT = """
d(Disease)/dt = k_prog*Disease - k_cure*Disease*Immunity^2 - k_react*Disease*Reaction
d(Reaction)/dt = k_start*Disease - k_off*Reaction + k_feed*Disease*Reaction + emax*Reaction^2/(ec50^2 + Reaction^2) - k_dexa*Effect*Reaction
d(Immunity)/dt = k_imm*Reaction
d(Effect)/dt = kel*Plasma - kel*Effect
"""
DOSED = """
d(Plasma)/dt = -kel*Plasma
at doses: Plasma += amount
"""
STATES = ("Disease", "Reaction", "Immunity", "Effect")
CONSTANTS = ("k_prog", "k_cure", "k_react", "k_start", "k_off", "k_feed", "emax", "ec50", "k_dexa", "k_imm", "kel")
START = PriorConfig(kind="log-normal", median=0.0056, sd=1.28)
"""Log-normal with the mean and spread of the logarithm of an exponential distribution of mean 0.01, the prior of the paper."""
FREE = PriorConfig(kind="normal", mean=0.0, sd=0.1)
KNOWN = {name: ParameterConfig(value=1.0, fixed=True) for name in CONSTANTS}
NOTHING = InitialConfig(value=0.0, fit=False)
LINEAR = NetworkConfig(depth=0)


def latent_hybrid() -> ModelConfig:
    """The expert's four states, and two that networks move."""
    all_states = ", ".join((*STATES, "Z5", "Z6"))
    return ModelConfig(
        name="latent hybrid",
        equations=f"{EXPERT}{DOSED}hidden Z5, Z6 = h({all_states})\nmarker_1 to marker_20 = g({all_states})\n",
        parameters=KNOWN,
        networks={"h": NetworkConfig(width=8, depth=1), "g": LINEAR},
        initial={
            **{state: InitialConfig(encoder="history", prior=START) for state in STATES},
            "Plasma": NOTHING,
            **{state: InitialConfig(encoder="history", prior=FREE) for state in ("Z5", "Z6")},
        },
    )


def expert() -> ModelConfig:
    """The expert's four states alone."""
    return ModelConfig(
        name="expert",
        equations=f"{EXPERT}{DOSED}marker_1 to marker_20 = g({', '.join(STATES)})\n",
        parameters=KNOWN,
        networks={"g": LINEAR},
        initial={**{state: InitialConfig(encoder="history", prior=START) for state in STATES}, "Plasma": NOTHING},
    )


def neural_ode() -> ModelConfig:
    """Six states of which only a network knows how they change; the dose decays at the known rate."""
    states = ", ".join(f"z_{k}" for k in range(1, 7))
    return ModelConfig(
        name="neural ODE",
        equations=f"{DOSED}hidden z_1 to z_6 = h({states}, Plasma)\nmarker_1 to marker_20 = g({states})\n",
        parameters={"kel": KNOWN["kel"]},
        networks={"h": NetworkConfig(width=20, depth=1), "g": LINEAR},
        initial={
            **{f"z_{k}": InitialConfig(encoder="history", prior=PriorConfig(mean=0.0, sd=1.0)) for k in range(1, 7)},
            "Plasma": NOTHING,
        },
    )
