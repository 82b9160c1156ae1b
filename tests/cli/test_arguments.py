from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ndestudio import __version__
from ndestudio.cli.arguments import parse


def test_without_a_command_files_are_for_the_window() -> None:
    assert parse([]).command == "window" and parse([]).files == []
    options = parse(["a.csv", "b.csv"])
    assert options.command == "window" and options.files == [Path("a.csv"), Path("b.csv")]
    assert parse(["./run"]).files == [Path("run")]


def test_run_takes_everything_a_spec_can_be_overridden_with() -> None:
    options = parse(
        [
            "run",
            "s.toml",
            "-o",
            "o",
            "--seed",
            "3",
            "--engine",
            "pysr",
            "--device",
            "cpu",
            "--solver",
            "log-ode-2",
            "--quiet",
            "--data",
            "a",
            "b",
        ]
    )
    assert (options.command, options.spec, options.output) == ("run", Path("s.toml"), Path("o"))
    assert (options.seed, options.engine, options.device, options.quiet) == (3, "pysr", "cpu", True)
    assert options.solver == "log-ode-2"
    assert options.data == [Path("a"), Path("b")]


@pytest.mark.parametrize(
    "argv",
    [
        ["run"],
        ["run", "a", "--seed", "x"],
        ["run", "a", "--engine", "gp"],
        ["run", "a", "--solver", "gp"],
        ["export", "p.nde"],
        ["info", "x"],
        ["--wat"],
    ],
)
def test_what_cannot_be_understood_is_bad_input(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(argv)
    assert caught.value.code == 2
    assert "usage: ndestudio" in capsys.readouterr().err


def test_the_targets_of_export_are_those_that_exist() -> None:
    from ndestudio.export import EXPORTERS

    for name in (*EXPORTERS.known(), "report", "all"):
        assert parse(["export", "p.nde", "--to", name]).to == name


def test_an_unknown_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, said in (
        (["export", "p.nde", "--to", "pyton"], "did you mean `python`?"),
        (["run", "s.toml", "--engine", "evolutoin"], "did you mean `evolution`?"),
    ):
        with pytest.raises(SystemExit):
            parse(argv)
        assert said in capsys.readouterr().err


def test_version_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom ndestudio.cli.main import main\n"
        "for option in ('--version', '--help'):\n"
        "    try: main([option])\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'numpy', 'jax', 'scipy', 'sympy', 'polars', 'rich', 'PySide6', 'msgspec'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"ndestudio {__version__}" in done.stdout and "run SPEC.toml" in done.stdout


def test_the_command_line_loads_no_compiler_or_window_before_it_works() -> None:
    code = (
        "import sys, ndestudio.cli.execution, ndestudio.cli.run, ndestudio.cli.demo, ndestudio.cli.export, ndestudio.cli.info, ndestudio.cli.window\n"
        "heavy = {'jax', 'scipy', 'sympy', 'polars', 'PySide6'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
