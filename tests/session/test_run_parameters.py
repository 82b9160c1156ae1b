"""The spread of a population as it is typed and shown."""

from __future__ import annotations

import pytest

from ndestudio.model.config import ParameterConfig, RandomConfig
from ndestudio.session.model.run_parameters import read_spread, spread_text
from ndestudio.session.session import Session
from tests.session import results


@pytest.mark.parametrize(
    ("text", "random"),
    [
        ("0.3", RandomConfig(sd=0.3)),
        ("normal, 2 known", RandomConfig(kind="normal", sd=2.0, fixed=True)),
        ("logit-normal", RandomConfig(kind="logit-normal")),
        ("0.3 with V 0.5 by visit 0.1", RandomConfig(sd=0.3, correlated={"V": 0.5}, occasion="visit", occasion_sd=0.1)),
        ("", RandomConfig()),
    ],
)
def test_a_spread_is_read_as_it_is_shown(text: str, random: RandomConfig) -> None:
    found = read_spread(ParameterConfig(random=RandomConfig(sd=0.5)), text)
    assert found == random
    assert read_spread(ParameterConfig(), spread_text(ParameterConfig(random=found)) or "") == random


@pytest.mark.parametrize(
    ("text", "words"),
    [("much", "no spread"), ("-1", "no spread"), ("known", "needs its number"), ("0.3 by", "is followed by")],
)
def test_what_is_no_spread_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_spread(ParameterConfig(), text)


def test_the_table_has_the_spread_of_what_is_random_and_edits_are_undone(fake: Session) -> None:
    fake.workspace.open(results.project(fitted=False), None)
    fake.stand_at("model")
    name = fake.model.state().parameters[0].name
    assert fake.model.state().parameters[0].spread is None
    fake.model.set_values(name, "random")
    assert fake.model.state().parameters[0].spread == ""
    fake.model.set_spread(name, "0.2 known")
    assert fake.project.spec.model.parameters[name].random == RandomConfig(sd=0.2, fixed=True)
    assert fake.model.state().parameters[0].spread == "0.2 known"
    fake.model.set_spread(name, "wide")
    assert fake.model.state().parameters[0].spread == "0.2 known"
    fake.workspace.undo()
    assert fake.model.state().parameters[0].spread == ""
