"""docs/equations.md is what the registry says, and what it says of the language is so."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from ndestudio.errors import EquationError
from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.functions import BUILT_IN

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "equations_docs.py"))["page"]()
    written = (ROOT / "docs" / "equations.md").read_text(encoding="utf-8")
    assert written == page, "run `python tools/equations_docs.py`"
    assert all(f"| `{entry.signature()}" in page for entry in BUILT_IN.values() if entry.word)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2^3^2", 512.0),
        ("-2^2", -4.0),
        ("if(x > 0, x*log(x), 0)", 0.0),
        ("piecewise(1, x < 0, 2, x < 1, 3)", 2.0),
        ("if(not x > 1 and x == 0 or x > 7, 1, 2)", 1.0),
        ("if(x > 7 or not x == 0 and x < 1, 1, 2)", 2.0),
        ("if(x >= 0, if(x <= 0, 5, 6), 7)", 5.0),
    ],
)
def test_what_the_page_says_of_meaning_is_so(text: str, value: float) -> None:
    assert evaluate(parse_expression(text), {"x": 0.0}) == value


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("(x > 1)*2", 4, "is no number"),
        ("if(x, 1, 2)", 1, "needs a condition"),
        ("if(x > 1, y < 2, 3)", 13, "is no number"),
        ("if(0 < x < 1, 1, 2)", 10, "one comparison at a time"),
        ("if(x > 1, 2)", 1, "takes 3 arguments, not 2"),
        ("piecewise(1, x < 2)", 1, "and a last value, not 2"),
        ("piecewise(1, 2, 3)", 1, "needs a condition"),
        ("if(x > 1 and y, 1, 2)", 10, "`and` needs a condition"),
        ("if(x = 1, 1, 2)", 6, "compared by `==`"),
        ("if(x != 1, 1, 2)", 6, "write `not (a == b)`"),
        ("if(x > 1 & y > 2, 1, 2)", 10, "write `and`"),
        ("if(x ≥ 1, 1, 2)", 6, "write `>=`"),
        ("hill(x)", 1, "takes 3 arguments, not 1; write `hill(x, K, n)`"),
        ("lg(x)", 1, "did you mean `log10`"),
        ("logistic(x)", 1, "did you mean `sigmoid`"),
        ("atan(x)", 1, "write `atan2(x, 1)`"),
    ],
)
def test_mistakes_have_a_place_and_a_remedy(text: str, column: int, says: str) -> None:
    with pytest.raises(EquationError) as caught:
        parse_expression(text)
    assert says in caught.value.sentence
    assert caught.value.column == column
