"""A model as a Python script for JAX and diffrax: differentiable, in double precision."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ndestudio.export.code import filled, header, number_list
from ndestudio.export.content import Content
from ndestudio.export.event_parts import depends_on, event_names, some_given_up
from ndestudio.export.exporter import Exporter
from ndestudio.export.formats.jax_events import (
    CONTROL,
    FOLD,
    INPUTS,
    PLAIN,
    REPEATS,
    SCHEDULE,
    SIMULATE,
    SIMULATE_CONDITIONS,
)
from ndestudio.export.formats.jax_noise import simulation as noise_simulation
from ndestudio.export.formats.python_code import (
    algebraic_functions,
    docstring,
    field_function,
    helper_functions,
    network_tables,
    output_function,
    run_python,
    tables,
    unpacking,
)
from ndestudio.export.formats.python_events import event_functions
from ndestudio.export.formats.python_noise import MAIN as MAIN_NOISE
from ndestudio.export.formats.python_noise import NAMES as NOISE_NAMES
from ndestudio.export.formats.python_noise import spread_function, usage
from ndestudio.export.formats.python_texts import MAIN
from ndestudio.export.helpers import imports, names_taken, used
from ndestudio.export.names import identifiers
from ndestudio.export.paths import periodic
from ndestudio.export.printer import IntegerExponents


class JaxPrinter(IntegerExponents):
    language: ClassVar[str] = "jax"
    pi: ClassVar[str] = "jnp.pi"


def jax_code(content: Content) -> str:
    """The script: `python model_jax.py` prints a CSV; `simulate(t, parameters=...)` can be differentiated and jitted."""
    functions = used(content)
    own = NOISE_NAMES if content.noises else ()
    names = identifiers(content.names, "jax", (*names_taken(functions, "jax"), *event_names(content), *own))
    write = JaxPrinter(names, content.networks)
    lines = docstring(header(content, names), _usage(content))
    lines += [
        "import argparse",
        "import csv",
        *(["import functools"] if content.inputs else []),
        "import sys",
        "",
        "import diffrax",
        "import jax",
        "import jax.numpy as jnp",
    ]
    lines += [
        "import numpy as np",
        *(["import optimistix"] if content.conditions else []),
        *imports(functions, "jax"),
        "",
    ]
    lines += ['jax.config.update("jax_enable_x64", True)', "", *tables(content)]
    lines += helper_functions(content, functions, "jax")
    if content.networks:
        lines += network_tables(content, names, write, "jnp")
    lines += algebraic_functions(content, write, names, _ROOTS)
    lines += ["", "", *field_function(content, write, names)]
    if content.noises:
        lines += ["", "", *spread_function(content, write, names, unpacking)]
    if content.events:
        lines += [*event_functions(content, write, names, unpacking), *_sizes(content)]
    lines += ["", "", *output_function(content, write, names)]
    lines += ["", "", *_simulation(content).splitlines(), "", ""]
    lines += (MAIN_NOISE if content.noises else MAIN).splitlines()
    return "\n".join(lines) + "\n"


def _usage(content: Content) -> str:
    return "Needs jax and diffrax.\n" + usage(content, "model_jax") if content.noises else _USAGE


def _sizes(content: Content) -> list[str]:
    """Numbers that a compiled program has to know: how often something is repeated, how much happens at one time."""
    numbers = [quantity.name for quantity in content.parameters]
    each = []
    for k, event in enumerate(content.events):
        if event.kind == "every":
            count = max(int((track.happens.which == k).sum()) for track in content.tracks)
            # with other parameters there may be more
            each.append(f"{k}: {2 * count + 8 if depends_on(event.times, numbers) else count}")
    lines = (
        ["", "", "# How often an event happens at most that is repeated.", f"REPETITIONS = {{{', '.join(each)}}}"]
        if each
        else []
    )
    if content.conditions:
        most = 1
        for track in content.tracks:
            most = max(most, int(np.unique(track.happens.t, return_counts=True)[1].max(initial=1)))
        more = sum(1 for event in content.events if depends_on(event.times, numbers))
        lines += ["", "", "# Events at one time at most.", f"SAME = {most + more}"]
    return lines


def _schedule(content: Content) -> str:
    given_up = some_given_up(content)
    drop = "            times = jnp.where(times < rows[:, 2], times, jnp.inf)\n" if given_up else ""
    return filled(SCHEDULE, WIDTH="3" if given_up else "2", GIVEN_UP=drop)


def _simulation(content: Content) -> str:
    repeats = any(periodic(track.inputs) for track in content.tracks)
    scale = ", ".join(number_list(content.scale))
    more = {"FOLD": FOLD, "MORE": ", within which times and after which it repeats itself", "REPEATS": REPEATS}
    inputs = (
        filled(INPUTS, **more if repeats else {"FOLD": PLAIN, "MORE": "", "REPEATS": ""})
        if content.inputs
        else _NO_INPUTS
    )
    if content.noises:
        return inputs + "\n\n" + noise_simulation(content)
    longest = ", dtmax=longest" if content.conditions else ""
    control = filled(CONTROL, SCALE=scale, LONGEST=longest)
    if content.conditions:
        control = control.replace("(track, rtol)", "(track, rtol, longest)")
    solver = "diffrax.Kvaerno5()" if content.stiff else "diffrax.Dopri8()"
    simulate = SIMULATE_CONDITIONS if content.conditions else SIMULATE if content.events else _SIMULATE
    parts = [inputs, control, *([_schedule(content)] if content.events else []), filled(simulate, SOLVER=solver)]
    return "\n\n".join(parts)


_USAGE = """\
Needs jax and diffrax.
python model_jax.py                      prints the first trajectory as CSV
python model_jax.py --trajectory NAME    another one; --points N, --output FILE
import model_jax; model_jax.simulate(t)  states at the times t, one row each"""

_NO_INPUTS = '''\
def inputs(t, trajectory, side="right"):
    """The model has no inputs."""
    return []
'''

_ROOTS = '''\
def roots(t, state, forcing, p):
    """The unknowns of the algebraic equations by Newton's method, differentiable by the implicit function theorem."""

    def zero(z):
        return jnp.stack([jnp.asarray(value, dtype=jnp.float64) for value in residuals(z, t, state, forcing, p)])

    def size(step, z, least):
        return jnp.max(jnp.abs(step) / (jnp.abs(z) + least))

    def newton(g, z0):
        least = 1e-6 * jnp.where(z0 != 0.0, jnp.abs(z0), 1.0)

        def one(carry):
            z, _, n = carry
            matrix = jax.jacfwd(g)(z)
            step = -jnp.linalg.solve(matrix, g(z))
            far = size(step, z, least)

            def worse(share):
                ahead = size(jnp.linalg.solve(matrix, g(z + share * step)), z, least)
                return ~(ahead <= (1.0 - share / 4.0) * far) & (far > 1e-7) & (share > 1e-9)

            share = jax.lax.while_loop(worse, lambda share: share / 2.0, jnp.ones(()))
            return z + share * step, far, n + 1

        z, far, _ = jax.lax.while_loop(
            lambda carry: (carry[1] > 1e-7) & (carry[2] < 60), one, (z0, jnp.array(jnp.inf), 0)
        )
        return jnp.where(far <= 1e-7, z, jnp.nan)

    begin = jnp.stack([jnp.asarray(value, dtype=jnp.float64) for value in starts(t, state, forcing, p)])
    tangent = lambda g, y: jnp.linalg.solve(jax.jacfwd(g)(y), y)  # noqa: E731
    return list(jax.lax.custom_root(zero, jax.lax.stop_gradient(begin), newton, tangent))'''

_SIMULATE = '''\
def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory."""
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = jnp.asarray(t, dtype=jnp.float64)

    def rate(time, state, p):
        return jnp.stack([jnp.asarray(value) for value in field(time, state, inputs(time, name), p)])

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rate),
        @SOLVER@,
        track["start"],
        jnp.maximum(t[-1], track["start"] + 1e-12),
        None,
        jnp.array(track["initial"]),
        args=parameters,
        saveat=diffrax.SaveAt(ts=t),
        stepsize_controller=controller(track, rtol),
        max_steps=10**6,
    )
    return solution.ys
'''


EXPORTER = Exporter(
    "jax",
    "Python (JAX, diffrax)",
    "model_jax.py",
    lambda subject, options: jax_code(subject.content),
    label="JAX",
    description="With JAX and diffrax",
    language="python",
    events=True,
    algebraic=True,
    noise=True,
    rerun=run_python,
)
