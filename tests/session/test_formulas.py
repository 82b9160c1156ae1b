from unittest.mock import Mock

from ndestudio.expression.parse import parse_expression
from ndestudio.session.formulas import Formula, FormulaRequest
from ndestudio.session.session import Session
from tests.session.helpers import FakeRunner, toasts


def jobs(runner: FakeRunner) -> int:
    return sum(function.__name__ == "typeset" for _, _, function, _ in runner.submitted)


def test_a_formula_that_cannot_be_made_is_tried_again_and_then_shown_as_text(
    fake: Session, runner: FakeRunner, shell: Mock
):
    request = FormulaRequest("", parse_expression("k*x + 1"))
    for trial in range(1, 4):
        assert fake.formulas.get(request) is None
        fake.tick()
        assert jobs(runner) == trial
        runner.fail("typeset", "the process ended")
        fake.tick()
    assert fake.formulas.get(request) == Formula("k*x + 1", "")
    fake.tick()
    assert jobs(runner) == 3
    assert toasts(shell) == ["Formulas are shown as text: the process ended"]


def test_a_formula_made_at_the_second_try_has_its_picture(fake: Session, runner: FakeRunner, shell: Mock):
    request = FormulaRequest("", parse_expression("x"))
    assert fake.formulas.get(request) is None
    fake.tick()
    runner.fail("typeset", "the process ended")
    fake.tick()
    assert fake.formulas.get(request) is None
    fake.tick()
    runner.finish("typeset", {request: Formula("x", "<svg/>")})
    fake.tick()
    assert fake.formulas.get(request) == Formula("x", "<svg/>")
    assert toasts(shell) == []
