"""Questions name the settings that answer them."""

from __future__ import annotations

from ndestudio.data.decisions import Choice, Decision, open_decisions, question

ORDER = Decision(
    "time",
    "`03/04/2020` may be the 3rd of April or the 4th of March",
    "when",
    (
        Choice("day first", {"time_format": "day first"}),
        Choice("month first", {"time_format": "month first", "units": {"when": "d"}}),
    ),
    chosen=None,
)


def test_a_question_is_an_error_with_the_settings_that_answer_it() -> None:
    error = question(ORDER, "a.csv", 2)
    assert str(error) == (
        "a.csv, row 2, column `when`: `03/04/2020` may be the 3rd of April or the 4th of March; say which (day first: "
        '`time_format = "day first"`; month first: `time_format = "month first"`, `units = { "when" = "d" }`)'
    )
    assert error.decision is ORDER


def test_only_decisions_without_an_answer_are_open() -> None:
    taken = Decision("header", "the header was found in row 3", choices=(Choice("row 3", {"header_row": 3}),))
    assert open_decisions((ORDER, taken)) == (ORDER,)
