"""A model as a Python script for JAX and diffrax: differentiable, in double precision."""

from __future__ import annotations

from typing import ClassVar

from ndestudio.export.code import header, number_list
from ndestudio.export.content import Content
from ndestudio.export.exporter import Exporter
from ndestudio.export.formats.python_code import (
    MAIN,
    docstring,
    field_function,
    helper_functions,
    network_tables,
    output_function,
    run_python,
    tables,
)
from ndestudio.export.helpers import imports, names_taken, used
from ndestudio.export.names import identifiers
from ndestudio.export.printer import IntegerExponents


class JaxPrinter(IntegerExponents):
    language: ClassVar[str] = "jax"
    pi: ClassVar[str] = "jnp.pi"


def jax_code(content: Content) -> str:
    """The script: `python model_jax.py` prints a CSV; `simulate(t, parameters=...)` can be differentiated and jitted."""
    functions = used(content)
    names = identifiers(content.names, "jax", names_taken(functions, "jax"))
    write = JaxPrinter(names, content.networks)
    lines = docstring(header(content, names), _USAGE)
    lines += [
        "import argparse",
        "import csv",
        "import sys",
        "",
        "import diffrax",
        "import jax",
        "import jax.numpy as jnp",
    ]
    lines += [
        "import numpy as np",
        *imports(functions, "jax"),
        "",
        'jax.config.update("jax_enable_x64", True)',
        "",
        *tables(content),
    ]
    lines += helper_functions(content, functions, "jax")
    if content.networks:
        lines += network_tables(content, names, write, "jnp")
    lines += ["", "", *field_function(content, write, names)]
    lines += ["", "", *output_function(content, write, names)]
    solver = "diffrax.Kvaerno5()" if content.stiff else "diffrax.Dopri8()"
    simulate = _SIMULATE.replace("@SCALE@", ", ".join(number_list(content.scale))).replace("@SOLVER@", solver)
    lines += ["", "", *simulate.splitlines(), "", "", *MAIN.splitlines()]
    return "\n".join(lines) + "\n"


_USAGE = """\
Needs jax and diffrax.
python model_jax.py                      prints the first trajectory as CSV
python model_jax.py --trajectory NAME    another one; --points N, --output FILE
import model_jax; model_jax.simulate(t)  states at the times t, one row each"""

_SIMULATE = '''\
def inputs(t, trajectory):
    """Inputs at time t: linear between their samples, constant outside."""
    return [jnp.interp(t, jnp.array(times), jnp.array(values)) for times, values in TRAJECTORIES[trajectory]["inputs"]]


def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory."""
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = jnp.asarray(t, dtype=jnp.float64)

    def rate(time, state, p):
        return jnp.stack([jnp.asarray(value) for value in field(time, state, inputs(time, name), p)])

    # Inputs have kinks at their samples; the solver steps exactly onto them.
    kinks = sorted({float(knot) for times, _ in track["inputs"] for knot in times})
    control = diffrax.PIDController(rtol=rtol, atol=rtol * 1e-2 * jnp.array([@SCALE@]))
    if kinks:
        control = diffrax.ClipStepSizeController(control, jump_ts=jnp.array(kinks))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rate),
        @SOLVER@,
        track["start"],
        jnp.maximum(t[-1], track["start"] + 1e-12),
        None,
        jnp.array(track["initial"]),
        args=parameters,
        saveat=diffrax.SaveAt(ts=t),
        stepsize_controller=control,
        max_steps=10**6,
    )
    return solution.ys'''


EXPORTER = Exporter(
    "jax",
    "Python (JAX, diffrax)",
    "model_jax.py",
    lambda subject, options: jax_code(subject.content),
    label="JAX",
    description="With JAX and diffrax",
    language="python",
    rerun=run_python,
)
