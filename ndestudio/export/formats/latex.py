"""A model as a LaTeX document, and its equations one by one for whoever shows them."""

from __future__ import annotations

import re

from ndestudio.export.code import wiener
from ndestudio.export.content import Content, Quantity, plain
from ndestudio.export.exporter import Exporter, written_as_they_are
from ndestudio.export.formats.latex_events import dose_table, event_sides
from ndestudio.expression.latex import greek_command, number_latex, symbol, to_latex
from ndestudio.expression.numeric import number_of
from ndestudio.expression.tree import Expr
from ndestudio.model.steps import next_value

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "µ": r"\textmu{}", "μ": r"\textmu{}", "°": r"\textdegree{}", "·": r"\textperiodcentered{}", "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}", "⁻": r"\textsuperscript{-}", "¹": r"\textsuperscript{1}", "Ω": r"\textohm{}",
}  # fmt: skip
_TYPOGRAPHIC = frozenset("–—‘’‚“”„†‡•…‰‹›€™")


def latex(content: Content, digits: int = 5) -> str:
    """A document that compiles by itself: equations with symbols, the same with numbers, parameters, initial values."""
    numbers = {quantity.name: quantity.value for quantity in content.parameters}
    lines = [f"% {line}".rstrip() for line in (content.title, *content.origin.sentences(), *content.notes)]
    lines += [
        r"\documentclass{article}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{textcomp}",
        r"\usepackage{amsmath}",
    ]
    lines += [
        r"\usepackage{booktabs}",
        r"\usepackage{longtable}",
        "",
        r"\begin{document}",
        rf"\section*{{{escaped(content.title)}}}",
        "",
    ]
    lines += [r"\subsection*{Equations}", *_aligned(equation_sides(content, digits)), *_output_block(content, digits)]
    lines += _noise_block(content)
    lines += _event_block(content, digits)
    lines += _formulas(content, digits)
    if numbers:
        lines += ["", r"\subsection*{Equations with numbers}", *_aligned(equation_sides(content, digits, numbers))]
        lines += [
            "",
            r"\subsection*{Parameters}",
            *_table(content.parameters, digits, ("Parameter", "Value", "Unit", "Note")),
        ]
    lines += ["", r"\subsection*{Initial values}", *_initial(content, digits)]
    lines += _doses(content, digits)
    lines += ["", r"\subsection*{Origin}", *(f"{_sentence(line)}\\\\" for line in content.origin.sentences()), ""]
    return "\n".join([*lines, r"\end{document}"]) + "\n"


def equation_sides(content: Content, digits: int = 5, numbers: dict[str, float] | None = None) -> list[tuple[str, str]]:
    """Left and right side of each equation in LaTeX; parameters as numbers where ``numbers`` gives them."""
    if content.noises:
        return _stochastic_sides(content, digits, numbers)
    sides = []
    for quantity, rhs in zip(content.states, content.equations, strict=True):
        left = rf"\frac{{\mathrm{{d}}{symbol(quantity.name)}}}{{\mathrm{{d}}t}}"
        if content.step:
            left, rhs = (
                f"{symbol(quantity.name)}(t + {content.step:.12g})",
                next_value(rhs, quantity.name, content.step),
            )
        sides.append((left, to_latex(_filled(rhs, numbers), digits=digits)))
    sides += [("0", to_latex(_filled(one.residual, numbers), digits=digits)) for one in content.algebraic]
    return sides


def _stochastic_sides(content: Content, digits: int, numbers: dict[str, float] | None) -> list[tuple[str, str]]:
    sides = []
    for quantity, drift, row in zip(content.states, content.equations, content.spread, strict=True):
        parts = [
            rf"\left({to_latex(_filled(term, numbers), digits=digits)}\right) \mathrm{{d}}{symbol(wiener(noise))}"
            for noise, term in zip(content.noises, row, strict=True)
            if number_of(term) != 0.0
        ]
        parts = [rf"\left({to_latex(_filled(drift, numbers), digits=digits)}\right) \mathrm{{d}}t", *parts]
        sides.append((rf"\mathrm{{d}}{symbol(quantity.name)}", " + ".join(parts)))
    return sides


def _noise_block(content: Content) -> list[str]:
    if not content.noises:
        return []
    named = ", ".join(f"${symbol(wiener(noise))}$" for noise in content.noises)
    one = len(content.noises) == 1
    said = f"with the Wiener process {named}" if one else f"with independent Wiener processes {named}"
    sense = r"Stratonovich" if content.calculus == "stratonovich" else r"It\^o"
    return ["", f"{said}, in the sense of {sense}."]


def escaped(text: str) -> str:
    """``text`` for LaTeX text mode, also at the start of a table row (where `[` or `*` would belong to `\\\\`)."""
    text = plain(text)
    return ("{}" if text[:1] in ("[", "*") else "") + "".join(map(_character, text))


def _character(character: str) -> str:
    """One character; Greek is set in mathematics, what pdfLaTeX has no glyph for is named by its code point."""
    if character in _SPECIAL:
        return _SPECIAL[character]
    if (greek := greek_command(character)) is not None:
        return rf"\ensuremath{{{greek}}}"
    if ord(character) < 0x180 or character in _TYPOGRAPHIC:
        return character
    return f"U+{ord(character):04X}"


def _filled(expr: Expr, numbers: dict[str, float] | None) -> Expr:
    from ndestudio.expression.numeric import fold
    from ndestudio.expression.tree import Number, substitute

    return expr if not numbers else fold(substitute(expr, {name: Number(value) for name, value in numbers.items()}))


def _aligned(sides: list[tuple[str, str]], relation: str = "=") -> list[str]:
    if not sides:
        return []
    rows = [f"  {left} &{relation} {right}" for left, right in sides]
    return [r"\begin{align*}", *(row + r" \\" for row in rows[:-1]), rows[-1], r"\end{align*}"]


def _output_block(content: Content, digits: int) -> list[str]:
    unknowns = {one.name for one in content.algebraic}
    sides = [
        (symbol(quantity.name), to_latex(expr, digits=digits))
        for quantity, expr in content.outputs
        if quantity.name not in unknowns
    ]
    return ["with the observed quantities", *_aligned(sides)] if sides else []


def _event_block(content: Content, digits: int) -> list[str]:
    if not content.events:
        return []
    said = "and the events, whose right sides are the states just before them"
    return ["", said, *_aligned(event_sides(content, digits), r"\quad")]


def _doses(content: Content, digits: int) -> list[str]:
    rows = dose_table(content)
    if not rows:
        return []
    lines = ["", r"\subsection*{Doses}", r"\begin{longtable}{llrr}", r"\toprule"]
    lines += [f"Trajectory & Event & {escaped(content.time_title)} & Amount or rate \\\\", r"\midrule"]
    for name, event, *numbers in rows:
        cells = (f"${number_latex(value, digits)}$" for value in numbers)
        lines.append(f"{' & '.join((escaped(name), escaped(event), *cells))} \\\\")
    return [*lines, r"\bottomrule", r"\end{longtable}"]


def _formulas(content: Content, digits: int) -> list[str]:
    lines: list[str] = []
    found = []
    for name, (arguments, body) in content.formulas.items():
        left = rf"{symbol(name)}\left({', '.join(symbol(argument) for argument in arguments)}\right)"
        found.append((left, to_latex(body, digits=digits)))
    if found:
        lines += ["", "Terms found by symbolic regression:", *_aligned(found)]
    for name, network in content.networks.items():
        arguments = ", ".join(symbol(argument) for argument in network.arguments)
        size = f"{network.config.depth} hidden layer{'s' * (network.config.depth != 1)} of {network.config.width} units"
        lines += [
            "",
            rf"${symbol(name)}\left({arguments}\right)$ is a neural network ({size}); the code exports carry its weights.",
        ]
    return lines


def _table(quantities: tuple[Quantity, ...], digits: int, titles: tuple[str, ...]) -> list[str]:
    lines = [r"\begin{longtable}{llll}", r"\toprule", f"{' & '.join(titles)} \\\\", r"\midrule"]
    for quantity in quantities:
        cells = (f"${symbol(quantity.name)}$", f"${number_latex(quantity.value, digits)}$")
        lines.append(f"{' & '.join((*cells, escaped(quantity.unit), escaped(quantity.note)))} \\\\")
    return [*lines, r"\bottomrule", r"\end{longtable}"]


def _initial(content: Content, digits: int) -> list[str]:
    heads = [
        f"${symbol(quantity.name)}$" + (f" [{escaped(quantity.unit)}]" if quantity.unit else "")
        for quantity in content.states
    ]
    lines = [rf"\begin{{longtable}}{{l{'r' * (len(heads) + 1)}}}", r"\toprule"]
    lines += [f"Trajectory & {escaped(content.time_title)} & {' & '.join(heads)} \\\\", r"\midrule"]
    for track in content.tracks:
        cells = [f"${number_latex(float(value), digits)}$" for value in (track.start, *track.initial)]
        lines.append(f"{' & '.join((escaped(track.name), *cells))} \\\\")
    return [*lines, r"\bottomrule", r"\end{longtable}"]


def _sentence(text: str) -> str:
    """Long digests may break anywhere."""
    return re.sub(r"[0-9a-f]{32,}", lambda match: rf"\texttt{{{_breakable(match.group())}}}", escaped(text))


def _breakable(text: str) -> str:
    return r"\allowbreak ".join(text[start : start + 16] for start in range(0, len(text), 16))


EXPORTER = Exporter(
    "latex",
    "LaTeX",
    "model.tex",
    lambda subject, options: latex(subject.content, options.digits),
    label="LaTeX",
    description="Equations for a paper",
    language="latex",
    proof="Equations to read, not a simulation; there is nothing to run.",
    delays=True,
    events=True,
    algebraic=True,
    noise=True,
    black_boxes=written_as_they_are,
)
