"""The protocol every symbolic-regression engine speaks, its problem and its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Float

from ndestudio.progress import Reporter
from ndestudio.symbolic.front import Front


@dataclass(frozen=True, eq=False)
class SearchProblem:
    """Samples of one unknown function, or of several with the same arguments.

    Parameters
    ----------
    X, y
        Samples in physical units. Several columns of y are searched together: their formulas share terms.
    names
        One identifier per column of X.
    weights
        non-negative weight per row (None: all 1).
    X_held_out, y_held_out
        Rows that rank the candidates but do not fit them (None: none).
    units
        Unit of each column of X; unit_y that of y, or one for each target ("" or None: unknown).
    guesses
        Expressions (text) to begin with, such as known mechanistic terms.
    template
        The known part of the formula with unknown functions of stated arguments in it, such as `k*x - f(x, y)`; names
        that are no columns are parameters, fitted along ("": search for the whole formula; without an unknown function
        they are all that is fitted).
    response
        None: each y belongs to a row of X. Else the rows of X are points and y[row] = response[row, point] f(X[point])
        plus an error of the same size for each row: what is known of the function are sums over its values. Only for
        engines that say so (``takes_responses``), without weights, held-out rows and templates.
    """

    X: Float[np.ndarray, "sample input"]
    y: Float[np.ndarray, " row"] | Float[np.ndarray, "row target"]
    names: tuple[str, ...]
    weights: Float[np.ndarray, " sample"] | None = None
    X_held_out: Float[np.ndarray, "held_out input"] | None = None
    y_held_out: Float[np.ndarray, " held_out"] | Float[np.ndarray, "held_out target"] | None = None
    units: tuple[str, ...] | None = None
    unit_y: str | tuple[str, ...] | None = None
    guesses: tuple[str, ...] = ()
    template: str = ""
    response: Float[np.ndarray, "row point"] | None = None

    @property
    def targets(self) -> int:
        """Number of functions that are searched together."""
        return self.y.shape[1] if self.y.ndim == 2 else 1


class SearchConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a search, common to all engines.

    Attributes
    ----------
    operators
        Any of `+ - * / ^ neg exp log sqrt sin cos tan tanh abs min max square cube inv`.
    max_size
        Largest complexity of a candidate (for each target, where there are several).
    max_depth
        Largest depth of a candidate's tree (None: free).
    complexity
        Operator -> complexity (default 1); `constant` and `variable` set those of leaves.
    seconds
        wall-time limit (None: none).
    evaluations
        Limit on expressions evaluated (None: none). The first one reached ends the search; a run limited by
        evaluations alone is reproducible to the bit.
    target_loss
        Stop when a candidate reaches this loss (NMSE).
    seed
        Of the random generators.
    threads
        Worker threads (0: all cores); the result does not depend on it.
    loss
        Error per row, squared, absolute, or Huber (with `huber_delta` in standard deviations of y).
    noise
        Standard deviation of the noise of y relative to that of y, where known; keeps the default choice from chasing
        it.
    settle
        Evaluations after which a search ends that has found no shorter description of the samples (None: it goes on to
        its limits). The description is that of the engine's own choice, so that a search whose formula is down to the
        noise ends, and one that still finds better ones goes on.
    options
        engine-specific settings by name; unknown ones are an error.
    """

    operators: tuple[str, ...] = ("+", "-", "*", "/", "exp", "sin", "cos")
    max_size: int = 30
    max_depth: int | None = None
    complexity: dict[str, int] = {}
    seconds: float | None = 20.0
    evaluations: int | None = None
    target_loss: float = 1e-14
    seed: int = 0
    threads: int = 0
    loss: Literal["squares", "absolute", "huber"] = "squares"
    huber_delta: float = 1.35
    noise: float | None = None
    settle: int | None = None
    options: dict[str, Any] = {}


@dataclass(frozen=True)
class SearchResult:
    """What a search came to.

    Parameters
    ----------
    outcome
        `"solved"` (target loss), `"settled"` (nothing better for long), `"limit"` (time or evaluations), `"stopped"`, or `"failed"`.
    sentence
        The same for a person.
    """

    front: Front
    outcome: str
    sentence: str


@runtime_checkable
class Engine(Protocol):
    """A symbolic-regression engine. Engines hold no state between searches.

    ``name`` is that of its entry in ``registry.ENGINES``, ``title`` what the window calls it, ``takes_templates`` whether
    it can search for the unknown part of a formula that is known in part, ``takes_responses`` (if it has that) whether it
    takes a ``SearchProblem.response``.
    """

    name: str
    title: str
    takes_templates: bool

    def unavailable(self) -> str | None:
        """None if the engine can run here, else a sentence that says what is missing and how to get it."""
        ...

    def search(
        self,
        problem: SearchProblem,
        config: SearchConfig,
        reporter: Reporter,
        on_front: Callable[[Front], None] | None = None,
    ) -> SearchResult:
        """Search until a limit, the target, or ``reporter.should_stop()``.

        ``on_front`` is called on the calling thread with each newer front, at most ten times a second.

        Raises
        ------
        EngineUnavailable
            When ``unavailable()`` gives a sentence.
        ValueError
            For a problem or settings that make no sense, saying which.
        """
        ...
