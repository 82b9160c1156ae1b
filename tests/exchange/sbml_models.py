"""SBML Level 3 models for tests, written short."""

from __future__ import annotations

from ndestudio.exchange.packages import package

NAMESPACE = "http://www.sbml.org/sbml/level3/version2/core"


def sbml(
    *,
    compartments: str = '<compartment id="c" size="1" spatialDimensions="3" constant="true"/>',
    species: str = "",
    parameters: str = "",
    functions: str = "",
    assignments: str = "",
    rules: str = "",
    reactions: str = "",
    events: str = "",
    attributes: str = "",
) -> str:
    """A model of the parts given, each as the elements inside its list."""
    lists = {
        "FunctionDefinitions": functions,
        "Compartments": compartments,
        "Species": species,
        "Parameters": parameters,
        "InitialAssignments": assignments,
        "Rules": rules,
        "Reactions": reactions,
        "Events": events,
    }
    inner = "".join(f"<listOf{name}>{text}</listOf{name}>" for name, text in lists.items() if text)
    return f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="{NAMESPACE}" level="3" version="2"><model id="m" {attributes}>{inner}</model></sbml>'


def math(formula: str) -> str:
    """MathML of a formula in the notation of libSBML's Level 3 parser."""
    libsbml = package("libsbml")

    node = libsbml.parseL3Formula(formula)
    assert node is not None, libsbml.getLastParseL3Error()
    return libsbml.writeMathMLToString(node).split("?>", 1)[-1]


def species(name: str, start: str, *, amounts: bool = False, compartment: str = "c", more: str = "") -> str:
    """A species; ``start`` such as `initialAmount="3"`."""
    flag = "true" if amounts else "false"
    return (
        f'<species id="{name}" compartment="{compartment}" {start} hasOnlySubstanceUnits="{flag}" '
        f'boundaryCondition="false" constant="false" {more}/>'
    )


def parameter(name: str, value: float | None, *, constant: bool = True) -> str:
    given = "" if value is None else f'value="{value!r}"'
    return f'<parameter id="{name}" {given} constant="{"true" if constant else "false"}"/>'


def rate(name: str, formula: str) -> str:
    return f'<rateRule variable="{name}">{math(formula)}</rateRule>'


def rule(name: str, formula: str) -> str:
    return f'<assignmentRule variable="{name}">{math(formula)}</assignmentRule>'


def reaction(name: str, reactants: str, products: str, law: str) -> str:
    """``reactants`` such as `2 A, B`."""

    def side(kind: str, text: str) -> str:
        found = ""
        for part in filter(None, (one.strip() for one in text.split(","))):
            count, _, known = part.rpartition(" ")
            found += f'<speciesReference species="{known}" stoichiometry="{count or 1}" constant="true"/>'
        return f"<listOf{kind}>{found}</listOf{kind}>" if found else ""

    body = f"{side('Reactants', reactants)}{side('Products', products)}<kineticLaw>{math(law)}</kineticLaw>"
    return f'<reaction id="{name}" reversible="false">{body}</reaction>'


def event(
    name: str,
    trigger: str,
    changes: dict[str, str],
    *,
    delay: str = "",
    priority: str = "",
    persistent: bool = True,
    holds_before: bool = True,
    values_then: bool = True,
) -> str:
    flags = f'initialValue="{str(holds_before).lower()}" persistent="{str(persistent).lower()}"'
    made = "".join(f'<eventAssignment variable="{k}">{math(v)}</eventAssignment>' for k, v in changes.items())
    return (
        f'<event id="{name}" useValuesFromTriggerTime="{str(values_then).lower()}"><trigger {flags}>{math(trigger)}</trigger>'
        + (f"<priority>{math(priority)}</priority>" if priority else "")
        + (f"<delay>{math(delay)}</delay>" if delay else "")
        + f"<listOfEventAssignments>{made}</listOfEventAssignments></event>"
    )
