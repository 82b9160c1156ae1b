"""Template systems with noise in the law."""

from __future__ import annotations

from ndestudio.model.library.base import Template, parameter

SYSTEMS = (
    Template(
        name="ornstein_uhlenbeck",
        title="Return to a level under noise (Ornstein-Uhlenbeck)",
        category="Noise in the law",
        equations="d(x)/dt = k*(level - x) + s*noise\n",
        parameters={
            "k": parameter(0.5, "1/h"),
            "level": parameter(1.0, "1", -1000.0, 1000.0),
            "s": parameter(0.3, "1/h^0.5"),
        },
        initial={"x": 2.0},
        units={"x": "1"},
        time="h",
        span=40.0,
        description="A state that noise drives away and that comes back: normal in the long run, with variance s^2/(2k).",
        source="G. E. Uhlenbeck and L. S. Ornstein, Phys. Rev. 36, 823, 1930",
    ),
    Template(
        name="double_well",
        title="Two wells and noise between them",
        category="Noise in the law",
        equations="d(x)/dt = a*x - b*x^3 + s*noise\n",
        parameters={"a": parameter(1.0, "1/h"), "b": parameter(1.0, "1/h"), "s": parameter(0.7, "1/h^0.5")},
        initial={"x": 1.0},
        units={"x": "1"},
        time="h",
        span=200.0,
        description="Noise carries the state from one stable place to the other; rarer the weaker it is.",
        source="H. A. Kramers, Physica 7, 284, 1940",
    ),
    Template(
        name="stochastic_logistic",
        title="Growth to a limit in a changing environment",
        category="Noise in the law",
        equations="d(x)/dt = r*x*(1 - x/K) + s*x*noise\n",
        parameters={"r": parameter(0.5, "1/day"), "K": parameter(100.0, "1"), "s": parameter(0.15, "1/day^0.5")},
        initial={"x": 10.0},
        units={"x": "1"},
        time="day",
        span=60.0,
        description="Good and bad times move the growth rate of all alike: noise that grows with the population.",
        source="R. M. May, Stability and Complexity in Model Ecosystems, 1973",
    ),
    Template(
        name="stochastic_sis",
        title="Epidemic of chances (SIS, diffusion approximation)",
        category="Noise in the law",
        equations="""\
d(x)/dt = infection*x*(1 - x/people) - recovery*x + sqrt(max(infection*x*(1 - x/people), 0))*noise_in - sqrt(max(recovery*x, 0))*noise_out
""",
        parameters={
            "infection": parameter(0.5, "1/day"),
            "recovery": parameter(0.25, "1/day"),
            "people": parameter(2000.0, "1", fixed=True),
        },
        initial={"x": 50.0},
        units={"x": "1"},
        time="day",
        span=60.0,
        description="Infections and recoveries happen one by one; their numbers scatter by their roots.",
        source="T. G. Kurtz, Stoch. Proc. Appl. 6, 223, 1978",
    ),
)
