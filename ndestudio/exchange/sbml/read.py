"""SBML to a ``KineticModel`` (Hucka et al. 2019, The Systems Biology Markup Language, Level 3 Version 2, J. Integr. Bioinform. 16).

A species stands for its concentration, or for its amount where the file says `hasOnlySubstanceUnits`, as in all formulas of
SBML; its rate is that of the reactions over the size of its compartment. Where compartments change size, concentrations
change with them, and amounts stay.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ndestudio.errors import DataError, EquationError
from ndestudio.exchange.kinetic import KineticModel, Trigger, ordered
from ndestudio.exchange.packages import package
from ndestudio.exchange.safe_xml import check_xml, read_xml
from ndestudio.exchange.sbml.formula import Scope, joined, number, read_condition, read_formula
from ndestudio.exchange.sbml.units import unit_texts
from ndestudio.expression.derivative import differentiate
from ndestudio.expression.numeric import evaluate, fold
from ndestudio.expression.tree import (
    Binary,
    Call,
    Delay,
    Expr,
    Name,
    Negate,
    Number,
    names,
    substitute,
    transform,
    walk,
)
from ndestudio.model.statements import RESERVED

ZERO = Number(0.0)
PACKAGES = {
    "comp": "submodels; flatten the model first (libSBML's converter does it)",
    "fbc": "flux balance constraints, which have no time",
    "qual": "qualitative models",
    "spatial": "spatial models",
    "multi": "species with several states",
    "distrib": "distributions",
    "arrays": "arrays",
}


def read_sbml(path: Path | str) -> KineticModel:
    """The model in an SBML file (`.xml`, `.sbml`).

    Raises
    ------
    DataError
        The file cannot be read, or is no SBML.
    EquationError
        It has something that we do not; named with its id.
    EngineUnavailable
        libSBML is not installed.
    """
    path = Path(path)
    return _read(read_xml(path), str(path))


def sbml_from_text(text: str) -> KineticModel:
    """Like ``read_sbml``, of a text."""
    content = text.encode()
    check_xml(content)
    return _read(content, "")


def _read(content: bytes, path: str) -> KineticModel:
    sbml = package("libsbml")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("it is not in UTF-8, in which SBML is written", path=path) from None
    document = sbml.readSBMLFromString(text)
    worst = [
        document.getError(k)
        for k in range(document.getNumErrors())
        if document.getError(k).getSeverity() >= sbml.LIBSBML_SEV_ERROR
    ]
    model = document.getModel()
    if worst or model is None:
        said = " ".join(worst[0].getMessage().split()) if worst else "it has no model"
        where = f"line {worst[0].getLine()}: " if worst else ""
        raise DataError(f"{where}libSBML cannot read it: {said[:300]}", path=path)
    # Level 2 keeps layouts in annotations, and libSBML counts them among the packages
    for k in range(document.getNumPlugins() if document.getLevel() > 2 else 0):
        name = document.getPlugin(k).getPackageName()
        if document.getPackageRequired(name) and name not in ("l3v2extendedmath",):
            raise DataError(f"it needs the package `{name}` of SBML: {PACKAGES.get(name, 'it is not read')}", path=path)
    try:
        return _Reader(model).read()
    except EquationError as error:
        raise EquationError(f"{error.sentence}{f' ({path})' if path else ''}") from None


@dataclass
class _Reader:
    model: Any
    renamed: dict[str, str] = field(default_factory=dict)
    functions: dict[str, tuple[tuple[str, ...], Expr]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rates: dict[str, Expr] = field(default_factory=dict)
    quantities: dict[str, Expr] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    initial: dict[str, Expr] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def read(self) -> KineticModel:
        self._names()
        self._functions()
        self._compartments()
        self._species()
        self._parameters()
        self._stoichiometries()
        reactions = self._reactions()
        self._rules()
        self._assignments()
        self._balances(reactions)
        self._algebraic()
        triggers = self._events()
        self._order()
        self._diluted()
        self._rates_of()
        self._leftover()
        model = self.model
        known = {*self.rates, *self.quantities, *self.constants}
        units = {self._new(k): v for k, v in unit_texts(model).items() if self._new(k) in known}
        return KineticModel(
            name=model.getName() or model.getId() or "model",
            rates=self.rates,
            quantities=self.quantities,
            constants=self.constants,
            initial=self.initial,
            triggers=self._diluting(triggers),
            volumes={
                self._new(s.getId()): self._new(s.getCompartment()) for s in self._all("Species") if _volume(s, model)
            },
            units=units,
            titles=self.titles,
            renamed={old: new for old, new in self.renamed.items() if old != new},
            notes=tuple(self.notes),
        )

    # names

    def _all(self, kind: str) -> list[Any]:
        count = getattr(self.model, f"getNum{kind if kind == 'Species' else kind + 's'}")()
        return [getattr(self.model, f"get{kind}")(k) for k in range(count)]

    def _names(self) -> None:
        kinds = ("Compartment", "Species", "Parameter", "Reaction", "Event")
        known = [one for kind in kinds for one in self._all(kind)]
        self.taken = {one.getId() for one in known if one.getId()}
        self._rename_all(known)

    def _rename_all(self, known: list[Any]) -> None:
        for one in known:
            name = one.getId()
            if not name:
                continue
            new = self._free(name) if name in RESERVED or not _plain(name) else name
            self.renamed[name] = new
            if new != name:
                self.notes.append(f"`{name}` is a word of our own equations; it is called `{new}` here")
            if one.getName() and one.getName() != name:
                self.titles[new] = one.getName()

    def _free(self, name: str) -> str:
        new = re.sub(r"\W", "_", name) + "_"
        while new in self.taken:
            new += "_"
        self.taken.add(new)
        return new

    def _new(self, name: str) -> str:
        return self.renamed.get(name, name)

    def _scope(self, where: str, renamed: Mapping[str, str] | None = None) -> Scope:
        return Scope(renamed or self.renamed, self.functions, lambda name: Call("rate.of", (Name(name),)), where)

    def _formula(self, node: Any, where: str, renamed: Mapping[str, str] | None = None) -> Expr:
        return read_formula(node, self._scope(where, renamed))

    def _functions(self) -> None:
        for one in self._all("FunctionDefinition"):
            formals = [one.getArgument(k).getName() for k in range(one.getNumArguments())]
            own = {name: f"{one.getId()}.{name}" for name in formals}
            body = self._formula(one.getBody(), f"the function `{one.getId()}`", own)
            self.functions[one.getId()] = (tuple(own.values()), body)

    # values

    def _compartments(self) -> None:
        for one in self._all("Compartment"):
            name = self._new(one.getId())
            if one.isSetSize():
                self.constants[name] = one.getSize()
            elif self.model.getLevel() == 1 and one.isSetVolume():
                self.constants[name] = one.getVolume()
            else:
                self.constants[name] = 1.0
                set_later = self.model.getInitialAssignmentBySymbol(one.getId()) or self.model.getRule(one.getId())
                if not set_later and one.getSpatialDimensions() != 0:
                    self.notes.append(f"the compartment `{name}` has no size; it is taken as 1")

    def _species(self) -> None:
        for one in self._all("Species"):
            name, compartment = self._new(one.getId()), self._new(one.getCompartment())
            as_amount = not _volume(one, self.model)
            if one.isSetInitialAmount():
                value = number(one.getInitialAmount())
                start: Expr = value if as_amount else Binary("/", value, Name(compartment))
            elif one.isSetInitialConcentration():
                value = number(one.getInitialConcentration())
                start = Binary("*", value, Name(compartment)) if as_amount else value
            else:
                start = Number(math.nan)
            self.initial[name] = start
            self.rates[name] = ZERO
            if not as_amount:
                continue
            if not one.getHasOnlySubstanceUnits() and self._size_of(one) == 0:
                self.notes.append(f"`{name}` is in a compartment without extent; it stands for an amount")

    def _size_of(self, species: Any) -> int:
        compartment = self.model.getCompartment(species.getCompartment())
        return 3 if compartment is None else compartment.getSpatialDimensions()

    def _parameters(self) -> None:
        for one in self._all("Parameter"):
            self.constants[self._new(one.getId())] = one.getValue() if one.isSetValue() else math.nan

    def _stoichiometries(self) -> None:
        for reaction in self._all("Reaction"):
            for reference in _references(reaction):
                if reference.isSetId() and reference.getId():
                    value = reference.getStoichiometry() if reference.isSetStoichiometry() else 1.0
                    self.constants[self._new(reference.getId())] = value

    # what moves

    def _reactions(self) -> list[tuple[Any, str]]:
        found = []
        for one in self._all("Reaction"):
            name, law = self._new(one.getId()), one.getKineticLaw()
            if one.isSetFast() and one.getFast():
                raise EquationError(
                    f"the reaction `{name}` is fast (at equilibrium at once), which is not read; give it a rate, or a rule"
                )
            if law is None or law.getMath() is None:
                raise EquationError(f"the reaction `{name}` has no kinetic law; give it one")
            local = {}
            count = law.getNumLocalParameters() or law.getNumParameters()
            for k in range(count):
                parameter = law.getParameter(k) if self.model.getLevel() < 3 else law.getLocalParameter(k)
                new = f"{name}_{parameter.getId()}"
                while new in self.taken:
                    new += "_"
                self.taken.add(new)
                local[parameter.getId()] = new
                self.constants[new] = parameter.getValue() if parameter.isSetValue() else math.nan
            self.quantities[name] = self._formula(law.getMath(), f"the rate of `{name}`", {**self.renamed, **local})
            found.append((one, name))
        return found

    def _rules(self) -> None:
        for one in self._all("Rule"):
            if one.isAlgebraic():
                continue
            name = self._new(one.getVariable())
            formula = self._formula(one.getMath(), f"the rule of `{name}`")
            if one.isRate():
                if name in self.constants:
                    self.initial.setdefault(name, number(self.constants.pop(name)))
                self.rates[name] = formula
            else:
                self.constants.pop(name, None)
                self.rates.pop(name, None)
                self.initial.pop(name, None)
                self.quantities[name] = formula

    def _assignments(self) -> None:
        for one in self._all("InitialAssignment"):
            name = self._new(one.getSymbol())
            if name in self.quantities:
                raise EquationError(f"`{name}` has a rule and an initial assignment; leave one of them out")
            self.initial[name] = self._formula(one.getMath(), f"the initial assignment of `{name}`")

    def _balances(self, reactions: list[tuple[Any, str]]) -> None:
        """Rates of species by the reactions they take part in."""
        parts: dict[str, list[Expr]] = {}
        for one, law in reactions:
            sides = ((one.getListOfReactants(), -1.0), (one.getListOfProducts(), 1.0))
            for references, sign in sides:
                for k in range(references.size()):
                    self._take_part(references.get(k), sign, law, parts)
        for name, terms in parts.items():
            species = self.model.getSpecies(self._old(name))
            total = joined("+", terms)
            factor = species.getConversionFactor() or self.model.getConversionFactor()
            if factor:
                total = Binary("*", Name(self._new(factor)), total)
            if _volume(species, self.model):
                total = Binary("/", total, Name(self._new(species.getCompartment())))
            self.rates[name] = _signs(total)

    def _take_part(self, reference: Any, sign: float, law: str, parts: dict[str, list[Expr]]) -> None:
        species = self.model.getSpecies(reference.getSpecies())
        if species is None:
            raise EquationError(f"the reaction `{law}` has the species `{reference.getSpecies()}`, which there is not")
        name = self._new(species.getId())
        if species.getBoundaryCondition() or species.getConstant() or name not in self.rates or self._ruled(species):
            return
        if self.model.getLevel() == 2 and reference.isSetStoichiometryMath():
            factor: Expr = self._formula(reference.getStoichiometryMath().getMath(), f"the stoichiometry of `{name}`")
        elif reference.isSetId() and reference.getId():
            factor = Name(self._new(reference.getId()))
        else:
            factor = Number(reference.getStoichiometry() if reference.isSetStoichiometry() else 1.0)
            if self.model.getLevel() > 2 and not reference.isSetStoichiometry():
                self.notes.append(f"`{name}` takes part in `{law}` without a stoichiometry; it is taken as 1")
        term: Expr = Name(law) if factor == Number(1.0) else Binary("*", factor, Name(law))
        parts.setdefault(name, []).append(Negate(term) if sign < 0 else term)

    def _ruled(self, species: Any) -> bool:
        return self.model.getRule(species.getId()) is not None

    def _old(self, name: str) -> str:
        return next((old for old, new in self.renamed.items() if new == name), name)

    def _algebraic(self) -> None:
        for one in self._all("Rule"):
            if not one.isAlgebraic():
                continue
            formula = self._formula(one.getMath(), "an algebraic rule")
            free = [name for name in names(formula) if self._undetermined(name)]
            for name in free:
                slope = differentiate(formula, name)
                if name not in names(slope):
                    rest = fold(substitute(formula, {name: ZERO}))
                    self.rates.pop(name, None)
                    self.constants.pop(name, None)
                    self.initial.pop(name, None)
                    self.quantities[name] = fold(Negate(Binary("/", rest, slope)))
                    self.notes.append(f"an algebraic rule was solved for `{name}`, in which it is linear")
                    break
            else:
                shown = ", ".join(f"`{name}`" for name in free) or "nothing that it could determine"
                raise EquationError(
                    f"an algebraic rule of {shown} cannot be solved by hand (it is linear in none of them); write it as assignment "
                    "or rate rules in the file"
                )

    def _undetermined(self, name: str) -> bool:
        """Whether an algebraic rule can be about a name: it may change, and nothing else says how."""
        one = self.model.getElementBySId(self._old(name))
        if one is None or name in self.quantities or getattr(one, "getConstant", lambda: True)():
            return False
        return self.rates.get(name, ZERO) == ZERO

    # events

    def _events(self) -> list[Trigger]:
        found = []
        for k, one in enumerate(self._all("Event")):
            name = self._new(one.getId()) or f"event_{k + 1}"
            where = f"the event `{name}`"
            trigger = one.getTrigger()
            if trigger is None:
                raise EquationError(f"{where} has no trigger; give it one")
            changes = []
            for j in range(one.getNumEventAssignments()):
                change = one.getEventAssignment(j)
                if change.getMath() is not None:
                    target = self._new(change.getVariable())
                    self._changes(target, where)
                    changes.append((target, self._formula(change.getMath(), where)))
            delay = one.getDelay().getMath() if one.isSetDelay() else None
            priority = one.getPriority().getMath() if one.isSetPriority() else None
            found.append(
                Trigger(
                    name=name,
                    condition=read_condition(trigger.getMath(), self._scope(where)),
                    changes=tuple(changes),
                    delay=self._formula(delay, where) if delay is not None else None,
                    priority=self._formula(priority, where) if priority is not None else None,
                    persistent=not trigger.isSetPersistent() or trigger.getPersistent(),
                    holds_before=not trigger.isSetInitialValue() or trigger.getInitialValue(),
                    values_then=one.getUseValuesFromTriggerTime(),
                )
            )
        return found

    def _changes(self, target: str, where: str) -> None:
        """What an event changes is a state."""
        if target in self.constants:
            self.initial.setdefault(target, number(self.constants.pop(target)))
            self.rates[target] = ZERO
        elif target not in self.rates:
            raise EquationError(f"{where} changes `{target}`, which a rule determines; leave one of them out")

    def _diluting(self, triggers: list[Trigger]) -> tuple[Trigger, ...]:
        """Amounts stay where an event changes the size of a compartment."""
        inside: dict[str, list[str]] = {}
        for one in self._all("Species"):
            if _volume(one, self.model) and self._new(one.getId()) in self.rates and not one.getConstant():
                inside.setdefault(self._new(one.getCompartment()), []).append(self._new(one.getId()))
        done = []
        for trigger in triggers:
            changed = dict(trigger.changes)
            for compartment in [name for name in changed if name in inside]:
                for species in inside[compartment]:
                    before: Expr = changed.get(species, Name(species))
                    if species not in changed:
                        ratio = Binary("/", Name(compartment), changed[compartment])
                        changed[species] = Binary("*", before, ratio)
            done.append(Trigger(**{**vars(trigger), "changes": tuple(changed.items())}))
        return tuple(done)

    # settling

    def _order(self) -> None:
        order = ordered(self.quantities, self.quantities, "rules")
        self.quantities = {name: self.quantities[name] for name in order}

    def _rate_of(self, name: str, level: int = 0) -> Expr:
        """The rate of change of anything, as a formula."""
        if name in self.rates:
            return self.rates[name]
        if name not in self.quantities or level > 20:
            return ZERO
        rule, total = self.quantities[name], ZERO
        for used in names(rule):
            rate = Number(1.0) if used == "t" else self._rate_of(used, level + 1)
            if rate != ZERO:
                total = Binary("+", total, Binary("*", differentiate(rule, used), rate))
        return fold(total)

    def _diluted(self) -> None:
        """Concentrations of species in compartments that change size all the time."""
        for one in self._all("Species"):
            name, compartment = self._new(one.getId()), self._new(one.getCompartment())
            if not _volume(one, self.model) or name not in self.rates or self._ruled(one) or one.getConstant():
                continue
            growth = self._rate_of(compartment)
            if growth != ZERO:
                dilution = Binary("*", Name(name), Binary("/", growth, Name(compartment)))
                self.rates[name] = fold(Binary("-", self.rates[name], dilution))

    def _rates_of(self) -> None:
        def change(node: Expr) -> Expr:
            if isinstance(node, Call) and node.function == "rate.of":
                (inner,) = node.arguments
                assert isinstance(inner, Name)
                return self._rate_of(inner.name)
            return node

        for table in (self.rates, self.quantities, self.initial):
            for name, expr in table.items():
                if any(isinstance(node, Call) and node.function == "rate.of" for node in walk(expr)):
                    table[name] = transform(transform(expr, change), change)
        self._order()

    def _leftover(self) -> None:
        """Names that mean nothing, and values that are missing."""
        known = {*self.rates, *self.quantities, *self.constants, "t"}
        for what, table in (("rate", self.rates), ("rule", self.quantities), ("initial value", self.initial)):
            for name, expr in table.items():
                for used in names(expr):
                    if used not in known:
                        raise EquationError(f"the {what} of `{name}` reads `{used}`, which the file does not define")
        for name in list(self.initial):
            if name in self.quantities:
                del self.initial[name]
            elif name not in self.rates and name not in self.constants:
                raise EquationError(f"an initial assignment is about `{name}`, which the file does not define")
            elif name in self.rates and not names(self.initial[name]):
                value = float(evaluate(self.initial[name], {}))
                if math.isnan(value):
                    self.notes.append(f"`{name}` has no initial value; give it one before it is simulated")
        for name, value in self.constants.items():
            if math.isnan(value) and name not in self.initial:
                self.notes.append(f"`{name}` has no value; give it one before it is simulated, or fit it")
        if any(
            isinstance(node, Delay)
            for table in (self.rates, self.quantities)
            for e in table.values()
            for node in walk(e)
        ):
            self.notes.append("values some time ago are read (`delay`)")


def _signs(expr: Expr) -> Expr:
    """Sums with minus signs where terms are negated."""

    def change(node: Expr) -> Expr:
        if isinstance(node, Binary) and node.operator == "+" and isinstance(node.right, Negate):
            return Binary("-", node.left, node.right.operand)
        return node

    return transform(expr, change)


def _references(reaction: Any) -> list[Any]:
    lists = (reaction.getListOfReactants(), reaction.getListOfProducts())
    return [one.get(k) for one in lists for k in range(one.size())]


def _volume(species: Any, model: Any) -> bool:
    """Whether a species stands for its concentration."""
    compartment = model.getCompartment(species.getCompartment())
    if species.getHasOnlySubstanceUnits() or compartment is None:
        return False
    return compartment.getSpatialDimensionsAsDouble() != 0


def _plain(name: str) -> bool:
    return re.fullmatch(r"[^\W\d]\w*", name) is not None
