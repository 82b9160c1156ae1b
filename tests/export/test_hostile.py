"""Text that a person, or a file from somebody else, brings in never becomes code."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Column, Dataset, Source
from ndestudio.errors import EquationError, ExportError
from ndestudio.export.artefacts import Artefact, artefact
from ndestudio.export.content import Origin, content
from ndestudio.export.formats.latex import escaped
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import TOLERANCE, verify
from ndestudio.expression.latex import symbol
from ndestudio.expression.tree import Call, Name
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel, Replacement
from ndestudio.model.initial import initial_model
from tests.export.archives import said

Case = tuple[FittedModel, Dataset]

HOSTILE = (
    "[a\"b'c\\ */ /* \n\"\"\"+evil()+\"\"\" '''+evil()+''' \r%s %n %{ }% #{ }# #= =# $(evil()) ${evil} `evil` @STATES@ @OUTPUTS@ "
    "@TIME@ @N_OUTPUTS@ @SCALE@ @TITLES@ @HEADER@ @xp@ ??/ \u2028 \x00 \x1b[2J </pre><script>evil()</script> \\end{document} ^^5c "
    "~ & _ \u202e {}...\\"
)
ORIGIN = Origin(HOSTILE, HOSTILE, 1, HOSTILE, (Source(HOSTILE, HOSTILE),), notes=(HOSTILE,))


@pytest.fixture
def hostile(driven: Case) -> Case:
    """Every free text of model and data is hostile; two trajectories differ only by what one line cannot hold."""
    model, data = driven
    start = next(iter(model.initial.values()))
    parameters = {"k": ParameterConfig(value=0.7, unit=HOSTILE, note=HOSTILE)}
    config = msgspec.structs.replace(
        model.config, name=HOSTILE, units=dict.fromkeys(("x", "y", "u"), HOSTILE), parameters=parameters
    )
    model = replace(model, config=config, initial={HOSTILE: start, HOSTILE + "\n": start})

    def nasty(columns: tuple[Column, ...]) -> tuple[Column, ...]:
        return tuple(Column(column.name, HOSTILE, HOSTILE) for column in columns)

    (trajectory,) = data.trajectories
    data = replace(
        data,
        trajectories=(replace(trajectory, name=HOSTILE), replace(trajectory, name=HOSTILE + "\n")),
        time=Column("t", HOSTILE, HOSTILE),
        measured=nasty(data.measured),
        inputs=nasty(data.inputs),
        sources=(Source(HOSTILE, HOSTILE),),
    )
    return model, data


def made(case: Case, format: str) -> Artefact:
    return artefact(case[0], format, dataset=case[1], origin=ORIGIN)


@pytest.mark.parametrize(
    ("format", "tools"), [("python", ("python", "python3")), ("c", ("gcc", "cc")), ("matlab", ("octave-cli", "octave"))]
)
def test_programs_run_all_the_same(hostile: Case, format: str, tools: tuple[str, ...]) -> None:
    if format != "python" and not any(map(shutil.which, tools)):
        pytest.skip(f"none of {tools} here")
    checked = verify(made(hostile, format), *hostile)
    assert checked.deviation is not None and checked.deviation <= TOLERANCE, checked.sentence


@pytest.mark.parametrize("format", ["python", "jax", "sympy"])
def test_python_holds_no_call_of_it(hostile: Case, format: str) -> None:
    import ast

    tree = ast.parse(made(hostile, format).text)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "evil"]


@pytest.mark.parametrize(("format", "grammar"), [("julia", "tree_sitter_julia"), ("matlab", "tree_sitter_matlab")])
def test_it_stays_within_comments_and_strings(hostile: Case, format: str, grammar: str) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    language = tree_sitter.Language(pytest.importorskip(grammar).language())
    root = tree_sitter.Parser(language).parse(made(hostile, format).text.encode()).root_node
    assert not root.has_error
    open_nodes, identifiers = [root], set()
    while open_nodes:
        node = open_nodes.pop()
        open_nodes += node.children
        if node.type == "identifier":
            identifiers.add(node.text)
    assert b"evil" not in identifiers and b"TRAJECTORIES" in identifiers | {b"TRAJECTORIES" * (format == "matlab")}


def test_every_form_is_free_of_control_characters(hostile: Case) -> None:
    for format in EXPORTERS.known():
        if format not in ("csv", "json", "onnx"):  # those are data, with rules of their own for strings
            text = said(made(hostile, format))
            assert not [character for character in text if not character.isprintable() and character != "\n"], format


def test_no_line_of_latex_is_left_open(hostile: Case) -> None:
    text = made(hostile, "latex").text
    live = [line for line in text.splitlines() if not line.startswith("%")]
    assert [line for line in live if r"\end{document}" in line] == [r"\end{document}"]
    # behind a row end, a bracket would be read as its length and an asterisk as its variant
    assert not [line for line in live if line.startswith(("[", "*"))]


def test_trajectories_keep_distinct_names(hostile: Case) -> None:
    first, second = (track.name for track in content(*hostile).tracks)
    assert second == f"{first} (2)" and "\n" not in first


def test_letters_latex_has_no_glyph_for() -> None:
    assert escaped("β in °C, 中") == r"\ensuremath{\beta} in \textdegree{}C, U+4E2D"
    assert [symbol(name) for name in ("β", "β_1", "Α", "Λ")] == [r"\beta", r"\beta_{1}", r"\mathrm{A}", r"\Lambda"]


@pytest.mark.parametrize("name", ["x\nimport os", "x)", "a b", ""])
def test_forged_names_are_refused(predator_prey: Case, name: str) -> None:
    model, data = predator_prey
    system = model.system
    body = model.replacements["predation"]
    forged = [
        replace(model, system=replace(system, states=(name, "lynx"))),
        replace(
            model,
            system=replace(system, parameters=(*system.parameters, name)),
            parameters={**model.parameters, name: 1.0},
        ),
        replace(model, system=replace(system, outputs={name: Name("hare")})),
        replace(model, replacements={name: body}),
        replace(model, replacements={"predation": Replacement((name, "lynx"), body.expression, body.parameters)}),
    ]
    for one in forged:
        with pytest.raises(ExportError):
            artefact(one, "python", dataset=data)


@pytest.mark.parametrize("expr", [Call("exec", (Name("TIME"),)), Name("evil"), Name("TIME")])
def test_forged_equations_are_refused(predator_prey: Case, expr) -> None:
    model, data = predator_prey
    system = model.system
    for forged in (replace(system, rhs=(expr, system.rhs[1])), replace(system, outputs={"seen": expr})):
        with pytest.raises(ExportError, match="which the model does not have"):
            artefact(replace(model, system=forged), "python", dataset=data)


def test_sympy_text_is_never_run(tmp_path: Path) -> None:
    from ndestudio.expression import from_sympy

    with pytest.raises(EquationError, match="no expression of SymPy"):
        from_sympy(f"open({str(tmp_path / 'made')!r}, 'w')")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "equation", ["d(x)/dt = -k*x", "d(x)/dt = -k*x + force", "d(x)/dt = force - temperature*x*1e-6"]
)
def test_inputs_that_the_equations_leave_out(equation: str) -> None:
    t = np.linspace(0.0, 5.0, 20)
    inputs = np.stack([np.full(20, 1e6), np.sin(3 * t)], axis=1)
    data = dataset_from_arrays(t, np.cos(t), ["x"], inputs=inputs, input_names=["temperature [K]", "force [N]"])
    model = initial_model(ModelConfig(equations=equation), data, seed=0)
    checked = verify(artefact(model, "python", dataset=data), model, data)
    assert checked.deviation is not None and checked.deviation <= TOLERANCE, checked.sentence
