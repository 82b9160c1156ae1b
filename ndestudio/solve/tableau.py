"""Runge-Kutta methods of the fixed-grid solver, explicit and diagonally implicit, as Butcher tableaus."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tableau:
    """k_i = f(t + c_i h, y + h sum_j a_ij k_j + h gamma k_i); y+ = y + h sum_i b_i k_i.

    Parameters
    ----------
    a
        What is below the diagonal, row by row.
    gamma
        The diagonal, the same for all stages; 0: an explicit method.
    depth
        Of the log-signatures of the inputs that steps read (see ``log_signature``); 0: inputs at the stages.
    euler_gradient
        Derivatives of a step are those of a step of Euler's method, y + h f(t, y), whatever the step itself is: the Euler
        gradient approximation (Ouala, Chapron, Collard, Gaultier and Fablet 2023, arXiv:2311.10665).
    each
        Length of each step of a system in steps; 0: steps are laid out as the model and the data want them.
    """

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    gamma: float = 0.0
    depth: int = 0
    euler_gradient: bool = False
    each: float = 0.0

    @property
    def implicit(self) -> bool:
        """Whether each stage is an equation to solve. The implicit methods here are stiffly accurate: y+ is the last stage."""
        return self.gamma > 0

    @property
    def stages(self) -> int:
        return len(self.b)


STEPS = Tableau("steps", 1, ((),), (1.0,), (0.0,))
"""Euler's method, with ``each`` set to the length of the steps of a system in steps, which it follows exactly."""

HEUN = Tableau("heun", 2, ((), (1.0,)), (0.5, 0.5), (0.0, 1.0))

RK4 = Tableau("rk4", 4, ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 0.5, 0.5, 1.0))
"""Kutta (1901), the classical method."""

DOPRI5 = Tableau(
    "dopri5",
    5,
    (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    ),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0),
)
"""Dormand & Prince (1980), J. Comput. Appl. Math. 6, 19."""

TSIT5 = Tableau(
    "tsit5",
    5,
    (
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
    ),
    (
        0.09646076681806523,
        0.01,
        0.4798896504144996,
        1.379008574103742,
        -3.290069515436081,
        2.324710524099774,
    ),
    (0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0),
)
"""Tsitouras (2011), Comput. Math. Appl. 62, 770."""

LOG_ODE_1, LOG_ODE_2 = (replace(RK4, name=f"log-ode-{depth}", depth=depth) for depth in (1, 2))
"""The classical method over each step of the log-ODE method."""

EXPLICIT: dict[str, Tableau] = {method.name: method for method in (HEUN, RK4, DOPRI5, TSIT5)}

# gamma: the root of x^3 - 3 x^2 + 3/2 x - 1/6 between 1/6 and 1/2
_GAMMA = 0.435866521508458999416019
_B1 = -1.5 * _GAMMA**2 + 4 * _GAMMA - 0.25
_B2 = 1.5 * _GAMMA**2 - 5 * _GAMMA + 1.25
SDIRK3 = Tableau(
    "sdirk3",
    3,
    ((), (0.5 * (1 - _GAMMA),), (_B1, _B2)),
    (_B1, _B2, _GAMMA),
    (_GAMMA, 0.5 * (1 + _GAMMA), 1.0),
    _GAMMA,
)
"""Alexander (1977), SIAM J. Numer. Anal. 14, 1006: L-stable, stiffly accurate."""

SDIRK4 = Tableau(
    "sdirk4",
    4,
    (
        (),
        (1 / 2,),
        (17 / 50, -1 / 25),
        (371 / 1360, -137 / 2720, 15 / 544),
        (25 / 24, -49 / 48, 125 / 16, -85 / 12),
    ),
    (25 / 24, -49 / 48, 125 / 16, -85 / 12, 1 / 4),
    (1 / 4, 3 / 4, 11 / 20, 1 / 2, 1.0),
    1 / 4,
)
"""Hairer and Wanner (1996), Solving Ordinary Differential Equations II, table IV.6.5: L-stable, stiffly accurate."""

IMPLICIT: dict[str, Tableau] = {method.name: method for method in (SDIRK3, SDIRK4)}
OWN: dict[str, Tableau] = EXPLICIT | IMPLICIT
"""Methods of the program's own fixed-grid solver."""
