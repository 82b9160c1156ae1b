"""Measure the window: ``python -m benchmarks.gui [--json FILE] [PART ...]``.

Parts: `start`, `live`, `train`, `search`, `open`, `million`, `tour`; by themselves only, as they take as long as they are given:
`cycles` and `monkey` (``--minutes``). Each runs in a process of its own, offscreen unless a display is asked for with
QT_QPA_PLATFORM.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gui.bench import THREADS, Bench, Lag, Pace
from benchmarks.record import flat, record

LONG = ("cycles", "monkey")
PARTS = ("start", "live", "train", "search", "open", "million", "tour")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure (default: all)")
    parser.add_argument("--threads", action="store_true", help="compute on threads of the window's process, to compare")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long cycles and monkey go on")
    parser.add_argument("--seed", type=int, default=0, help="of the monkey")
    parser.add_argument("--log", type=Path, help="file for a line per cycle or action")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--record", action="store_true", help="keep the figures (python -m benchmarks.series gui)")
    parser.add_argument("--inside", choices=[*PARTS, *LONG, "window"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if arguments.threads:
        os.environ[THREADS] = "1"
    if arguments.inside:
        print(json.dumps(_long(arguments) if arguments.inside in LONG else INSIDE[arguments.inside]()))
        sys.stdout.flush()
        os._exit(0)  # a thread in the middle of a compilation would hold the end up
    found: dict[str, Any] = {}
    for part in arguments.parts or PARTS:
        found[part] = _in_process(part, arguments)
        print(f"{part}: {json.dumps(found[part])}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if arguments.record:
        print(f"kept in {record('gui', flat(found))}")
    return 0


def _in_process(part: str, arguments: argparse.Namespace) -> dict[str, Any]:
    if part == "start":
        return measure_start()
    more = ["--minutes", str(arguments.minutes), "--seed", str(arguments.seed)] if part in LONG else []
    if arguments.log is not None:
        more += ["--log", str(arguments.log)]
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(_run(part, folder, *more, limit=600 + 120 * arguments.minutes).splitlines()[-1])


def _run(part: str, folder: str, *more: str, limit: float = 600.0) -> str:
    environment = {**os.environ, "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
    command = [sys.executable, "-m", "benchmarks.gui", "--inside", part, *more]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=limit).stdout


def _long(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.inside == "cycles":
        from benchmarks.gui import cycles

        return cycles.run(arguments.minutes, arguments.log)
    from benchmarks.gui import monkey

    return monkey.run(arguments.minutes, arguments.seed, arguments.log)


def measure_start() -> dict[str, Any]:
    """Seconds from the start of Python to a window that is painted and has answered an event; the first run and the best of four."""
    times = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            began = time.time()
            times.append(json.loads(_run("window", folder).splitlines()[-1])["painted"] - began)
    return {
        "first_s": round(times[0], 2),
        "best_of_4_s": round(min(times[1:]), 2),
        "median_s": round(float(np.median(times[1:])), 2),
    }


def inside_window() -> dict[str, float]:
    bench = Bench()
    bench.spin(0.0)
    return {"painted": time.time()}


def inside_live() -> dict[str, Any]:
    """Redraws per second, and lag, while a training says 200 things a second and a new model five times a second."""
    from benchmarks.gui.talk import talk
    from ndestudio.session.training import controller as train_controller

    train_controller._fit = talk  # type: ignore[assignment]
    bench = Bench()
    bench.open_sample()
    bench.window.go("train")
    bench.session.train.start()
    bench.spin(2.0)
    view: Any = bench.window.views["train"]
    count, began, lag = view.redraw.count, time.monotonic(), Lag()
    bench.spin(8.0)
    return {"redraws_per_s": round((view.redraw.count - count) / (time.monotonic() - began), 1), **lag.figures()}


def inside_train() -> dict[str, Any]:
    """Lag and redraws while lynx-hare is trained, import and compilation included; how soon a stop is answered."""
    bench = Bench()
    bench.open_sample()
    bench.window.go("train")
    bench.spin(0.5)
    view: Any = bench.window.views["train"]
    bench.session.train.start()
    lag, pace = Lag(), _pace(view, bench.session.train)
    began = time.monotonic()
    bench.until(lambda: pace.look() or not bench.session.tasks.running("fit"))
    figures: dict[str, Any] = {**lag.figures(), **pace.figures(), "seconds": round(time.monotonic() - began, 1)}
    bench.until(bench.idle)
    answers = []
    for wait in (0.05, 0.3, 1.0, 2.0):
        bench.session.train.start()
        bench.spin(wait)
        bench.session.train.stop()
        answers.append(round(bench.until(lambda: not bench.session.tasks.running("fit")), 2))
        bench.until(bench.idle)
    return {**figures, "stop_answered_s": answers}


def inside_search() -> dict[str, Any]:
    """Lag and redraws while formulas are searched, refitted and joined."""
    bench = Bench()
    bench.open_sample()
    bench.session.train.start()
    bench.until(lambda: bench.session.project.fit is not None and bench.idle())
    bench.session.distil.change_settings(seconds=5.0)
    bench.window.go("distil")
    bench.spin(0.5)
    view: Any = bench.window.views["distil"]
    bench.session.distil.start()
    began, lag, pace = time.monotonic(), Lag(), _pace(view, bench.session.distil)
    bench.until(lambda: pace.look() or not bench.session.tasks.running("distil"))
    seconds = time.monotonic() - began
    result = bench.session.project.distillation
    return {
        **lag.figures(),
        **pace.figures(),
        "seconds": round(seconds, 1),
        "outcome": result.outcome if result else "failed",
    }


def _pace(view: Any, controller: Any) -> Pace:
    return Pace(view, lambda: controller.live.version if controller.live else 0)


def inside_open() -> dict[str, Any]:
    """A project of 100 trajectories x 10,000 rows: saving, then opening it until the data are drawn."""
    from ndestudio.data.dataset import Column, Dataset, Trajectory
    from ndestudio.project import load_project, save_project
    from ndestudio.project.project import Project, Spec

    t = np.linspace(0.0, 100.0, 10_000)
    generator = np.random.default_rng(0)
    trajectories = tuple(
        Trajectory(
            f"run {k}",
            t,
            np.stack([np.sin(t + k), np.cos(t + k)], axis=1) + 0.05 * generator.standard_normal((10_000, 2)),
            np.zeros((10_000, 0)),
            np.zeros(10_000, np.int8),
        )
        for k in range(100)
    )
    data = Dataset(trajectories, Column("t", "t", "s"), (Column("x", "x", "m"), Column("y", "y", "m")))
    path = Path(tempfile.mkdtemp()) / "large.nde"
    began = time.perf_counter()
    save_project(Project(Spec(name="large"), data), path)
    saved = time.perf_counter() - began
    began = time.perf_counter()
    load_project(path)
    loaded = time.perf_counter() - began
    bench = Bench()
    bench.spin(0.3)
    lag = Lag()
    began = time.perf_counter()
    bench.window.open_files([str(path)])
    bench.until(lambda: bench.session.project.dataset is not None)
    bench.application.processEvents()
    shown = time.perf_counter() - began
    bench.until(bench.idle)
    return {
        "save_s": round(saved, 2),
        "load_s": round(loaded, 2),
        "open_in_window_s": round(shown, 2),
        "megabytes": round(path.stat().st_size / 1e6, 1),
        **lag.figures(),
    }


def inside_tour() -> dict[str, Any]:
    """The tour from its first click to equations, reading each card for two seconds; Python has just started, nothing is compiled."""
    bench = Bench()
    bench.spin(1.0)  # the window is looked at
    tour, clicks = bench.session.tour, 0
    lag = Lag()
    began = time.monotonic()
    bench.window.take_tour()
    stops: list[str] = []
    seconds: dict[str, float] = {}
    while (state := tour.state()).stop and state.stop != "equations" and clicks < 20:
        here = state.stop
        stops.append(here)
        since = time.monotonic()
        bench.spin(2.0)
        if state.action:
            bench.window.tour.next_button.click()
            clicks += 1
        else:
            bench.until(lambda here=here: tour.state().stop != here)
        seconds[here] = round(seconds.get(here, 0.0) + time.monotonic() - since, 1)
    reached = time.monotonic() - began
    result = bench.session.project.distillation
    return {
        "seconds": round(reached, 1),
        "reached": tour.state().stop,
        "by_stop_s": seconds,
        "sentence": result.sentence if result else "",
        **lag.figures(),
    }


def inside_million() -> dict[str, Any]:
    """Frames per second of panning and zooming a series of 1,000,000 points in the Data stage's plot."""
    from ndestudio.data.dataset import Column, Dataset, Trajectory
    from ndestudio.gui.widgets.plots.series_plot import SeriesPlots

    bench = Bench()
    t = np.linspace(0.0, 1000.0, 1_000_000)
    values = np.stack([np.sin(t) + 0.1 * np.random.default_rng(0).standard_normal(len(t))], axis=1)
    one = Trajectory("long", t, values, np.zeros((len(t), 0)), np.zeros(len(t), np.int8))
    plots = SeriesPlots()
    plots.resize(1000, 600)
    plots.show()
    began = time.perf_counter()
    plots.show_dataset(Dataset((one,), Column("t", "t", "s"), (Column("x", "x", "m"),)), frozenset())
    bench.application.processEvents()
    first = time.perf_counter() - began
    import pyqtgraph as pg

    plot = plots.findChildren(pg.PlotWidget)[0]
    item: Any = plot.getPlotItem()
    view = item.getViewBox()

    def frames(move: Callable[[int], None], count: int = 40) -> float:
        begin = time.perf_counter()
        for number in range(count):
            move(number)
            plot.grab()
        return count / (time.perf_counter() - begin)

    pan = frames(lambda number: view.setXRange(10 * number, 10 * number + 300, padding=0))
    zoom = frames(lambda number: view.setXRange(500 - 500 * 0.9**number, 500 + 500 * 0.9**number, padding=0))
    return {"first_drawn_s": round(first, 2), "pan_frames_per_s": round(pan, 1), "zoom_frames_per_s": round(zoom, 1)}


INSIDE: dict[str, Callable[[], dict[str, Any]]] = {
    "window": inside_window,
    "live": inside_live,
    "train": inside_train,
    "search": inside_search,
    "open": inside_open,
    "million": inside_million,
    "tour": inside_tour,
}

if __name__ == "__main__":
    sys.exit(main())
