"""Events among the typeset equations."""

from __future__ import annotations

from ndestudio.expression import to_text
from ndestudio.model.config import ModelConfig
from ndestudio.session.model.analysis import analyse


def test_events_are_typeset_in_their_lines():
    text = "d(A)/dt = -k*A\nat doses + lag: A += F*amount\nat t = 3: A = 0, A2 = 1\nd(A2)/dt = A\nfrom 1 to 2: d(A)/dt += 5\n"
    found = analyse(ModelConfig(equations=text), None)
    rows = {line: (left, to_text(right)) for line, left, right in found.statements}
    assert sorted(rows) == [1, 2, 3, 4, 5]
    assert rows[2][0].startswith(r"\text{at doses}") and rows[2][1] == "A + F*amount"
    assert rows[3][0].endswith("A_{2}") and "A = 0" in rows[3][0]
    assert rows[5][0].startswith(r"\text{from } 1") and rows[5][1] == "5"
    assert "3 events" in found.summary
