"""CellML 2.0 (Clerx et al. 2020, J. Integr. Bioinform. 17, 20200021): one component, numbers without units, names of units in the notes.

Formulas are the MathML of SBML with a unit at each number; functions that CellML lacks are written out there already.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.sbml.mathml import mathml
from ndestudio.exchange.texts.common import Dialect, prepared
from ndestudio.expression.tree import Expr, Name, substitute

NAMESPACE = "http://www.cellml.org/cellml/2.0#"
DIALECT = Dialect("CellML", {}, reserved={"time_"})


def cellml_text(model: KineticModel) -> str:
    """The model as CellML.

    Raises
    ------
    ExportError
        It has events, delays, or a function that cannot be written out.
    """
    ready = prepared(model, DIALECT)
    called = dict(ready.names)
    time = "time"
    while time in called.values():
        time += "_"
    aliases = {**called, "time of the model": time}

    def written(expr: Expr) -> str:
        text = mathml(substitute(expr, {"t": Name("time of the model")}), aliases)
        inner = text[text.index(">") + 1 : text.rindex("</math>")]
        return inner.replace("<cn", '<cn cellml:units="dimensionless"').replace(' type="integer"', "")

    variables = [f'<variable name="{time}" units="dimensionless"/>']
    variables += [
        f'<variable name="{called[name]}" units="dimensionless" initial_value="{value!r}"/>'
        for name, value in (*ready.starts.items(), *ready.constants.items())
    ]
    variables += [f'<variable name="{called[name]}" units="dimensionless"/>' for name in ready.quantities]
    equations = [
        f"<apply><eq/><apply><diff/><bvar><ci>{time}</ci></bvar><ci>{called[name]}</ci></apply>{written(expr)}</apply>"
        for name, expr in model.rates.items()
    ]
    equations += [
        f"<apply><eq/><ci>{called[name]}</ci>{written(expr)}</apply>" for name, expr in ready.quantities.items()
    ]
    title = "".join(c if c.isalnum() and c.isascii() else "_" for c in model.name).strip("_") or "model"
    title = title if title[0].isalpha() else f"m_{title}"
    remarks = "".join(f"<!-- {_comment(one)} -->\n" for one in ready.remarks())
    math = "\n".join(equations)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{remarks}<model xmlns="{NAMESPACE}" xmlns:cellml="{NAMESPACE}" name={quoteattr(title)}>\n'
        f'<component name="equations">\n'
        + "\n".join(variables)
        + f'\n<math xmlns="http://www.w3.org/1998/Math/MathML">\n{math}\n</math>\n'
        "</component>\n</model>\n"
    )


def _comment(text: str) -> str:
    return text.replace("--", "- -").replace("&", "and")
