"""One engine in a process of its own: `python worker.py ENGINE FOLDER`. Runs with the package of any checkout, and with the
peers it names; nothing of the benchmark is imported.

FOLDER holds `task.json`; for our engine also `spec.toml` and `data.csv`, for the others `data.npz` (smoothed states X and
slopes Y of each trajectory, raw values). One JSON object goes to `answer.json`: wall and CPU seconds, the chosen formula of
each state, all candidates of each state, what was said of each.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


def cpu() -> float:
    """CPU seconds of this process and its children."""
    import os

    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def ours(folder: Path, task: dict[str, Any]) -> Answer:
    """A spec run to its end, with the package that is on the path."""
    from ndestudio.expression import to_text
    from ndestudio.model.replace import formula_filled

    project = _trained_before(Path(task["fit"])) if task.get("fit") else None
    before = project is not None
    project = project or _whole(folder, task.get("fit"))
    fit, distillation = project.fit, project.distillation
    answer: Answer = {"chosen": {}, "candidates": {}, "said": {}, "seconds": dict(project.seconds)}
    answer["trained_before"] = before
    if fit is not None:
        answer["outcome"] = {"train": [str(fit.outcome), fit.sentence, *fit.notes]}
    if distillation is None:
        return answer
    answer["outcome"]["distil"] = [distillation.outcome, distillation.sentence, *distillation.notes]
    answer["training_error"] = distillation.metrics.train.get("mean")
    for state, name in task["terms"].items():
        term = distillation.neural_terms.get(name)
        if term is None:
            continue
        formula = formula_filled(distillation.model, name)
        if formula is not None:
            answer["chosen"][state] = to_text(formula)
        members = [to_text(one.expression) for one in term.front.candidates]
        refitted = [formula_filled(one.model, name) for one in term.scored]
        answer["candidates"][state] = [to_text(one) for one in refitted if one is not None] + members
        answer["said"][state] = [term.reason, term.explanation, *_claims(term)]
    return answer


def _whole(folder: Path, fit: str | None) -> Any:
    """The project of the whole job; with a trained network it is kept at ``fit``."""
    from ndestudio.project.pipeline import run
    from ndestudio.project.spec import load_spec
    from ndestudio.project.store import save_project

    def keep(project: Any) -> None:
        if fit and project.fit is not None and project.distillation is None:
            Path(fit).parent.mkdir(parents=True, exist_ok=True)
            save_project(project, fit)

    return run(load_spec(folder / "spec.toml"), on_stage=keep)


def _trained_before(path: Path) -> Any:
    """The project that is kept at ``path``, distilled; None where there is none."""
    from dataclasses import replace

    from ndestudio.distil import distil, with_next_run
    from ndestudio.project.store import load_project

    if not path.exists():
        return None
    project, began = load_project(path), time.monotonic()
    spec, fit, dataset = project.spec, project.fit, project.dataset
    assert fit is not None and dataset is not None
    found = distil(fit.model, dataset, spec.distil, train=spec.train, ensemble=fit.ensemble)
    found = with_next_run(found, fit, dataset, spec.next_run, lambda: False, spec.train)
    return replace(project, distillation=found, seconds={**project.seconds, "distil": time.monotonic() - began})


def _claims(term: Any) -> list[str]:
    """What newer builds say of the certainty of a law, wherever they keep it."""
    kept = (getattr(term, name, None) for name in ("certainty", "claim", "verdict", "warning", "sentence"))
    return [one if isinstance(one, str) else str(getattr(one, "sentence", one)) for one in kept if one]


THRESHOLDS = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.5)
"""Of coefficients."""
SHARES = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""The same for terms: of the norm of a column times its coefficient, over the norm of the slopes."""


def pysindy(folder: Path, task: dict[str, Any]) -> Answer:
    """Sparse regression on smoothed slopes: cubic polynomials, sines and cosines; one candidate a threshold."""
    import numpy as np
    import pysindy as ps  # pyright: ignore[reportMissingImports]

    X, Y = _data(folder, "X", "Y")
    names = list(task["arguments"])
    members: dict[str, list[str]] = {}
    for k, state in enumerate(task["sought"]):
        slopes = [one[:, k : k + 1] for one in Y]
        for optimizer in _optimizers(ps, float(np.linalg.norm(np.concatenate(slopes)))):
            model = ps.SINDy(optimizer=optimizer, feature_library=_library(ps, task))
            model.fit([*X], t=1.0, x_dot=slopes, feature_names=names)
            members.setdefault(state, []).append(_texts(np.asarray(model.coefficients()), model)[0])
    return {"candidates": members}


def pysindy_weak(folder: Path, task: dict[str, Any]) -> Answer:
    """The weak form on the raw values."""
    import numpy as np
    import pysindy as ps  # pyright: ignore[reportMissingImports]

    (values,) = _data(folder, "V")
    t = _data(folder, "t")[0][0]
    np.random.seed(task["seed"])  # noqa: NPY002  the subdomains are drawn from it
    library = ps.WeakPDELibrary(function_library=_library(ps, task), spatiotemporal_grid=t, K=200, p=4)
    library.fit([ps.AxesArray(one, {"ax_time": 0, "ax_coord": 1}) for one in values])
    targets = np.concatenate([np.asarray(library.convert_u_dot_integral(one)) for one in values])
    members: dict[str, list[str]] = {}
    for k, state in enumerate(task["states"]):
        if state not in task["sought"]:
            continue
        for optimizer in _optimizers(ps, float(np.linalg.norm(targets[:, k]))):
            np.random.seed(task["seed"])  # noqa: NPY002
            library = ps.WeakPDELibrary(function_library=_library(ps, task), spatiotemporal_grid=t, K=200, p=4)
            model = ps.SINDy(optimizer=optimizer, feature_library=library)
            model.fit([*values], t=t, feature_names=list(task["arguments"]))
            members.setdefault(state, []).append(_texts(np.asarray(model.coefficients()), model)[k])
    return {"candidates": members}


def _optimizers(ps: Any, size: float) -> list[Any]:
    """Sequential thresholding with each threshold, of coefficients and of the shares of terms in a target of this norm."""
    plain = [ps.STLSQ(threshold=threshold, alpha=1e-9) for threshold in THRESHOLDS]
    shares = [ps.STLSQ(threshold=share * size, alpha=1e-9, normalize_columns=True) for share in SHARES]
    return [*plain, *shares]


def _library(ps: Any, task: dict[str, Any]) -> Any:
    library = ps.PolynomialLibrary(degree=3)
    if "sin" in task["operators"]:
        library = library + ps.FourierLibrary(n_frequencies=1)
    return library


def _texts(coefficients: Any, model: Any) -> list[str]:
    import re

    features = []
    for text in model.get_feature_names():
        inside = re.sub(r"(?<=[\w)]) (?=\w)", "*", text.strip())
        features.append(re.sub(r"(sin|cos)\(1\*?", r"\1(1*", inside))
    return [
        " + ".join(f"({float(c)!r})*{name}" for c, name in zip(row, features, strict=True) if c != 0) or "0"
        for row in coefficients
    ]


def pyoperon(folder: Path, task: dict[str, Any]) -> Answer:
    """Genetic programming with two objectives, for the smoothed slopes of each state; its own choice of the front."""
    import numpy as np

    spec = importlib.util.spec_from_file_location("symbolic_worker", task["symbolic_worker"])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    X, Y = (np.concatenate(some) for some in _data(folder, "X", "Y"))
    engine, answer = module.Operon(), {"chosen": {}, "candidates": {}}
    for k, state in enumerate(task["sought"]):
        settings = {**task, "noise": 1.0}
        texts, _ = engine.solve(X, Y[:, k], list(task["arguments"]), settings)
        answer["chosen"][state], answer["candidates"][state] = texts[0], texts
    return answer


def _data(folder: Path, *names: str) -> list[Any]:
    import numpy as np

    with np.load(folder / "data.npz", allow_pickle=False) as data:
        return [[*data[name]] for name in names]


ENGINES = {"ndestudio": ours, "pysindy": pysindy, "pysindy-weak": pysindy_weak, "pyoperon": pyoperon}


def main(engine: str, folder: Path) -> None:
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    began, used = time.monotonic(), cpu()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            answer: Answer = ENGINES[engine](folder, task)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    answer["wall"], answer["cpu"] = time.monotonic() - began, cpu() - used
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
