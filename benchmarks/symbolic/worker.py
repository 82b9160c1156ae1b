"""One engine in a process of its own: `python worker.py ENGINE FOLDER`. Needs NumPy and the engine, nothing of this project
except for our own engine.

FOLDER holds `tasks.json` (a list of {"name", "operators", "seconds", "seed", "threads", "noise"}) and NAME.npz (X, y, names).
For each task one line of JSON goes to `answers.jsonl`: wall and CPU seconds, the formulas in the grammar of the project with the
engine's own choice first, evaluations if the engine counts them.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

BEGAN = time.monotonic()
WORDS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}


def cpu() -> float:
    """CPU seconds of this process and its children."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Ours:
    def __init__(self) -> None:
        from ndestudio.progress import SilentReporter
        from ndestudio.symbolic import EvolutionEngine

        self.engine, self.reporter = EvolutionEngine(), SilentReporter()

    def solve(self, X: Any, y: Any, names: list[str], task: dict[str, Any]) -> tuple[list[str], int]:
        from ndestudio.expression import to_text
        from ndestudio.symbolic import SearchConfig, SearchProblem

        config = SearchConfig(
            operators=tuple(task["operators"]),
            seconds=task["seconds"],
            seed=task["seed"],
            threads=task["threads"],
            noise=task.get("known_noise"),
            **task.get("config", {}),
        )
        # with noise a fifth of the rows ranks the candidates, as ``SymbolicRegressor`` does by default
        held = slice(0, len(y) // 5 if task["noise"] and len(y) >= 60 else 0)
        kept = slice(held.stop, None)
        problem = SearchProblem(X[kept], y[kept], tuple(names))
        if held.stop:
            problem = SearchProblem(X[kept], y[kept], tuple(names), X_held_out=X[held], y_held_out=y[held])
        front = self.engine.search(problem, config, self.reporter).front
        members = [front.candidates[front.best], *front.candidates] if front.candidates else []
        return [to_text(member.expression) for member in members], front.evaluations


class Pysr(Ours):
    def __init__(self) -> None:
        super().__init__()
        from ndestudio.symbolic import PysrEngine

        self.engine = PysrEngine()


class Operon:
    """Genetic programming of pyoperon with two objectives and Levenberg-Marquardt on every child, its strongest setting."""

    def __init__(self) -> None:
        from pyoperon.sklearn import SymbolicRegressor

        self.kind = SymbolicRegressor

    def solve(self, X: Any, y: Any, names: list[str], task: dict[str, Any]) -> tuple[list[str], int]:
        symbols = [WORDS.get(name) or name for name in task["operators"]]
        model = self.kind(
            allowed_symbols=",".join([*symbols, "constant", "variable"]),
            offspring_generator="basic",
            reinserter="keep-best",
            objectives=["r2", "length"],
            optimizer="lm",
            optimizer_iterations=5,
            max_length=40,
            max_evaluations=10**9,
            generations=10**7,
            max_time=max(1, round(task["seconds"])),
            n_threads=task["threads"],
            random_state=task["seed"] + 1,
        )
        model.fit(X, y)
        members = [model.model_, *(member["tree"] for member in model.pareto_front_)]
        texts = [model.get_model_string(member, 17) for member in members]
        stats = model.stats_
        return [self.named(text, names) for text in texts], stats["residual_evaluations"] + stats[
            "jacobian_evaluations"
        ]

    @staticmethod
    def named(text: str, names: list[str]) -> str:
        return re.sub(r"\bX(\d+)\b", lambda match: names[int(match[1]) - 1], text).replace("pow(", "power(")


class Gplearn:
    def __init__(self) -> None:
        from gplearn.genetic import SymbolicRegressor

        self.kind = SymbolicRegressor

    def solve(self, X: Any, y: Any, names: list[str], task: dict[str, Any]) -> tuple[list[str], int]:
        known = {"add", "sub", "mul", "div", "sqrt", "log", "abs", "sin", "cos", "tan"}
        functions = [name for name in (WORDS.get(o, o) for o in task["operators"]) if name in known]
        model = self.kind(
            population_size=1000,
            generations=1,
            function_set=functions,
            stopping_criteria=1e-14,
            metric="mse",
            warm_start=True,
            random_state=task["seed"],
            n_jobs=1,
        )
        end, generations = time.monotonic() + task["seconds"], 0
        while time.monotonic() < end:
            generations += 1
            model.set_params(generations=generations)
            model.fit(X, y)
            if model.run_details_["best_fitness"][-1] < 1e-14:
                break
        return [prefix_to_infix(str(model._program), names)], 1000 * generations


class Pysindy:
    """Sparse regression on cubic polynomials, sines and cosines; the threshold is chosen by the Bayesian criterion."""

    def __init__(self) -> None:
        import pysindy

        self.library = pysindy

    def solve(self, X: Any, y: Any, names: list[str], task: dict[str, Any]) -> tuple[list[str], int]:
        import numpy as np

        ps = self.library
        best: tuple[float, str] = (float("inf"), "0")
        for threshold in (1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3):
            library = ps.PolynomialLibrary(degree=3)
            if "sin" in task["operators"]:
                library = library + ps.FourierLibrary(n_frequencies=1)
            model = ps.SINDy(optimizer=ps.STLSQ(threshold=threshold, alpha=1e-12), feature_library=library)
            model.fit(X, t=1.0, x_dot=y[:, None], feature_names=names)
            coefficients = model.coefficients()[0]
            loss = float(np.mean((model.predict(X)[:, 0] - y) ** 2) / np.var(y))
            terms = [(c, t) for c, t in zip(coefficients, model.get_feature_names(), strict=True) if c != 0]
            criterion = len(y) * np.log(max(loss, 1e-28)) + len(terms) * np.log(len(y))
            if criterion < best[0]:
                text = " + ".join(f"({float(c)!r})*{self.term(t)}" for c, t in terms) or "0"
                best = (criterion, text)
        return [best[1]], 6

    @staticmethod
    def term(text: str) -> str:
        inside = re.sub(r"(?<=[\w)]) (?=\w)", "*", text.strip())
        return re.sub(r"(sin|cos)\(1\*?", r"\1(1*", inside)


def prefix_to_infix(text: str, names: list[str]) -> str:
    """`add(X0, mul(X1, 2.0))` of gplearn as infix; its protected functions as what they are away from their guards."""
    signs = {"add": "+", "sub": "-", "mul": "*", "div": "/"}

    def walk(rest: str) -> tuple[str, str]:
        match = re.match(r"\s*(-?[\w.]+(?:[eE][-+]?\d+)?)", rest)
        assert match
        word, rest = match[1], rest[match.end() :]
        if rest.startswith("("):
            arguments, rest = [], rest[1:]
            while True:
                argument, rest = walk(rest)
                arguments.append(argument)
                rest = rest.lstrip()
                if rest.startswith(")"):
                    break
                rest = rest[1:]
            rest = rest[1:]
            if word in signs:
                return f"({arguments[0]} {signs[word]} {arguments[1]})", rest
            if word in ("sqrt", "log"):
                return f"{word}(abs({arguments[0]}))", rest
            return f"{word}({arguments[0]})", rest
        index = re.fullmatch(r"X(\d+)", word)
        return (names[int(index[1])] if index else f"({word})"), rest

    return walk(text)[0]


ENGINES = {"ndestudio": Ours, "pysr": Pysr, "pyoperon": Operon, "gplearn": Gplearn, "pysindy": Pysindy}


def main(engine: str, folder: Path) -> None:
    import numpy as np

    solver: Any = ENGINES[engine]()
    ready = {"ready": time.monotonic() - BEGAN, "cpu": cpu()}
    with (folder / "answers.jsonl").open("w", encoding="utf-8") as answers:
        print(json.dumps(ready), file=answers, flush=True)
        for task in json.loads((folder / "tasks.json").read_text(encoding="utf-8")):
            with np.load(folder / f"{task['name']}.npz", allow_pickle=False) as data:
                X, y, names = data["X"], data["y"], [str(name) for name in data["names"]]
            answer: dict[str, Any] = {"name": task["name"]}
            began, used = time.monotonic(), cpu()
            try:
                with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                    warnings.simplefilter("ignore")
                    answer["formulas"], answer["evaluations"] = solver.solve(X, y, names, task)
            except Exception as error:
                answer["formulas"], answer["evaluations"], answer["error"] = (
                    [],
                    0,
                    f"{type(error).__name__}: {error}"[:300],
                )
            answer["wall"], answer["cpu"] = time.monotonic() - began, cpu() - used
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
