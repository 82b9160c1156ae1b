"""SBML as equation text: what each element means, against closed forms."""

from __future__ import annotations

import math as m

import numpy as np
import pytest

from ndestudio.errors import DataError, EquationError
from ndestudio.exchange import sbml_from_text, to_config
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.running import without_data
from ndestudio.solve.scipy_reference import simulate

pytest.importorskip("libsbml", reason="libSBML is not installed")

from tests.exchange.sbml_models import event, math, parameter, rate, reaction, rule, sbml, species


def run(model: KineticModel | str, t: list[float]) -> dict[str, np.ndarray]:
    """States and quantities at the times, which begin at 0."""
    if isinstance(model, str):
        model = sbml_from_text(model)
    fitted = without_data(to_config(model))
    found = simulate(fitted, np.array([0.0, *t]), fitted.initial[""], rtol=1e-10, atol=1e-12)
    assert not found.sentence
    return dict(zip(fitted.measured, found.measured[1:].T, strict=True))


BIG = '<compartment id="c" size="2" spatialDimensions="3" constant="true"/>'


def test_a_species_is_a_concentration_unless_it_has_only_substance_units() -> None:
    # the law `k*A` is in amount per time; roadrunner 2.11: [A] = exp(-0.5 k t) of its start in a compartment of size 2
    A, k, law = species("A", 'initialConcentration="3"'), parameter("k", 0.4), reaction("r", "A", "", "k*A")
    assert run(sbml(compartments=BIG, species=A, parameters=k, reactions=law), [5.0])["A"] == pytest.approx(
        [3 * m.exp(-1)]
    )
    A = species("A", 'initialConcentration="3"', amounts=True)
    assert run(sbml(compartments=BIG, species=A, parameters=k, reactions=law), [5.0])["A"] == pytest.approx(
        [6 * m.exp(-2)]
    )
    A = species("A", 'initialAmount="3"')
    assert run(sbml(compartments=BIG, species=A, parameters=k, reactions=law), [5.0])["A"] == pytest.approx(
        [1.5 * m.exp(-1)]
    )


def test_powers_roots_and_logarithms_mean_what_mathml_says() -> None:
    formula = "-x^2 + (x^3)^2 + x^(3^2) + root(3, x) + log10(x) + ln(x) + 7/3"
    model = sbml_from_text(
        sbml(parameters=parameter("x", 1.7) + parameter("y", 0.0, constant=False), rules=rate("y", formula))
    )
    x = 1.7
    value = -(x**2) + x**6 + x**9 + x ** (1 / 3) + m.log10(x) + m.log(x) + 7 / 3
    assert run(model, [1.0])["y"] == pytest.approx([value], rel=1e-8)


def test_functions_and_choices_are_written_out() -> None:
    body = "<functionDefinition id='sq'>" + math("lambda(x, x*x)") + "</functionDefinition>"
    model = sbml(
        functions=body,
        parameters=parameter("y", 0.0, constant=False),
        rules=rate("y", "piecewise(sq(2), time < 1, sq(3), time < 2 && time >= 1, 0)"),
    )
    assert run(model, [0.5, 1.5, 4.0])["y"] == pytest.approx([2.0, 8.5, 13.0], rel=1e-6)


def test_a_choice_without_otherwise_is_no_number_where_nothing_holds() -> None:
    moving = parameter("y", 1.0, constant=False) + parameter("z", 0.0, constant=False)
    model = sbml(parameters=moving, rules=rule("y", "piecewise(1, time < 1)") + rate("z", "0*time"))
    assert np.isnan(run(model, [0.5, 2.0])["y"]).tolist() == [False, True]


def test_initial_assignments_read_each_other_and_rules() -> None:
    model = sbml(
        parameters="".join(parameter(name, 0.5, constant=name == "q") for name in ("q", "p", "x", "r")),
        assignments=f'<initialAssignment symbol="x">{math("2*p + r")}</initialAssignment>'
        f'<initialAssignment symbol="p">{math("3*q")}</initialAssignment>',
        rules=rate("x", "-p*x") + rule("r", "q + p"),
    )
    assert run(model, [1.0])["x"] == pytest.approx([5.0 * m.exp(-1.5)])
    circle = model.replace("<ci> q </ci>", "<ci> x </ci>", 1)
    with pytest.raises(EquationError, match="circle"):
        to_config(sbml_from_text(circle))


def test_stoichiometry_conversion_factors_and_local_parameters() -> None:
    law = reaction("r", "2 A", "3 B", "k*A").replace(
        "</math></kineticLaw>",
        '</math><listOfLocalParameters><localParameter id="k" value="0.1"/></listOfLocalParameters></kineticLaw>',
    )
    model = sbml(
        species=species("A", 'initialConcentration="1"')
        + species("B", 'initialConcentration="0"', more='conversionFactor="f"'),
        parameters=parameter("f", 2.0) + parameter("k", 99.0),
        reactions=law,
    )
    found = run(model, [2.0])
    assert found["A"] == pytest.approx([m.exp(-0.4)])
    assert found["B"] == pytest.approx([3.0 * (1 - m.exp(-0.4))])


def test_a_missing_stoichiometry_is_one_and_said() -> None:
    model = sbml_from_text(
        sbml(species=species("A", 'initialConcentration="1"'), reactions=reaction("r", "A", "", "0.5*A")).replace(
            ' stoichiometry="1"', ""
        )
    )
    assert run(model, [2.0])["A"] == pytest.approx([m.exp(-1)])
    assert any("stoichiometry" in one for one in model.notes)


def test_amounts_stay_where_a_compartment_grows_or_an_event_changes_it() -> None:
    grows = '<compartment id="c" size="1" spatialDimensions="3" constant="false"/>'
    A = species("A", 'initialConcentration="2"')
    found = run(sbml(compartments=grows, species=A, rules=rate("c", "0.5")), [2.0, 6.0])
    assert found["A"] == pytest.approx([1.0, 0.5])
    found = run(sbml(compartments=grows, species=A, events=event("e", "time > 3", {"c": "4*c"})), [2.0, 5.0])
    assert found["A"] == pytest.approx([2.0, 0.5])


def test_an_event_waits_for_its_delay_and_keeps_the_values_of_its_trigger() -> None:
    moving = parameter("x", 0.0, constant=False) + parameter("y", 0.0, constant=False)
    for kept, value in ((True, 1.0), (False, 3.0)):
        made = event("e", "x > 1", {"y": "x"}, delay="2", values_then=kept)
        assert run(sbml(parameters=moving, rules=rate("x", "1"), events=made), [2.9, 5.0])["y"] == pytest.approx(
            [0.0, value]
        )


def test_an_event_that_is_not_persistent_is_called_off() -> None:
    moving = parameter("x", 0.0, constant=False) + parameter("y", 0.0, constant=False)
    for persistent, value in ((True, 1.0), (False, 0.0)):
        made = event("e", "x > 0.9", {"y": "1"}, delay="2", persistent=persistent)
        assert run(sbml(parameters=moving, rules=rate("x", "cos(time)"), events=made), [4.0])["y"] == pytest.approx(
            [value]
        )


def test_the_larger_priority_goes_first_and_all_read_the_values_before() -> None:
    moving = parameter("x", 0.0, constant=False) + parameter("y", 1.0, constant=False)
    made = event("a", "x > 1", {"y": "y + 1"}, priority="1") + event("b", "x > 1", {"y": "10*y"}, priority="5")
    assert run(sbml(parameters=moving, rules=rate("x", "1"), events=made), [2.0])["y"] == pytest.approx([2.0])
    made = made.replace('useValuesFromTriggerTime="true"', 'useValuesFromTriggerTime="false"')
    assert run(sbml(parameters=moving, rules=rate("x", "1"), events=made), [2.0])["y"] == pytest.approx([11.0])


def test_two_conditions_that_come_true_together_both_count() -> None:
    moving = "".join(parameter(name, 0.0, constant=False) for name in "xyz")
    made = event("a", "x > 1", {"y": "1"}) + event("b", "2*x > 2", {"z": "1"})
    found = run(sbml(parameters=moving, rules=rate("x", "0.3 + x"), events=made), [4.0])
    assert (found["y"], found["z"]) == (1.0, 1.0)


def test_a_condition_counts_as_new_at_the_begin_where_the_file_says_so() -> None:
    made = event("e", "time >= 0", {"x": "7"}, holds_before=False)
    model = sbml(parameters=parameter("x", 1.0, constant=False), rules=rate("x", "0*x"), events=made)
    assert run(model, [1.0])["x"] == pytest.approx([7.0])


def test_an_algebraic_rule_is_solved_where_it_is_linear() -> None:
    both = parameter("x", 1.0, constant=False) + parameter("y", 0.0, constant=False)
    text = sbml(parameters=both, rules=rate("x", "-x") + f"<algebraicRule>{math('2*y + x - 5')}</algebraicRule>")
    model = sbml_from_text(text)
    assert run(model, [1.0])["y"] == pytest.approx([(5 - m.exp(-1)) / 2])
    assert any("algebraic" in one for one in model.notes)
    hard = sbml(parameters=both, rules=rate("x", "-x") + f"<algebraicRule>{math('sin(y) + x')}</algebraicRule>")
    with pytest.raises(EquationError, match="`y`"):
        sbml_from_text(hard)


def test_names_that_mean_something_to_us_are_told() -> None:
    model = sbml_from_text(
        sbml(parameters=parameter("t", 2.0) + parameter("sin", 1.0, constant=False), rules=rate("sin", "-t*sin"))
    )
    assert model.renamed == {"t": "t_", "sin": "sin_"} and len(model.notes) == 2
    assert run(model, [1.0])["sin_"] == pytest.approx([m.exp(-2)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<sbml", "well-formed"),
        ("<x/>", "SBML"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "document type"),
        ("<a>" * 1000 + "</a>" * 1000, "nested"),
        ("", "well-formed"),
    ],
)
def test_what_is_no_model_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        sbml_from_text(text)


def test_what_we_lack_is_named_with_its_id() -> None:
    law = reaction("quick", "A", "", "A").replace('reversible="false"', 'reversible="false" fast="true"')
    A = species("A", 'initialConcentration="1"')
    old = sbml(species=A, reactions=law).replace("version2", "version1").replace('version="2"', 'version="1"')
    with pytest.raises(EquationError, match="`quick`"):
        sbml_from_text(old)
    missing = sbml(parameters=parameter("x", 1.0, constant=False), rules=rate("x", "-nowhere"))
    with pytest.raises((DataError, EquationError), match="nowhere"):
        sbml_from_text(missing)
