"""The networks of a model as one ONNX graph, for every runtime that knows ONNX (opset 17, 64-bit numbers).

Each term that is still neural has an input of its name, a row of arguments for each sample, and an output `NAME_value`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndestudio.errors import ExportError
from ndestudio.export.exporter import Exporter, Options, Subject
from ndestudio.export.networks import RAW, ExportedNetwork, exported
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.model.fitted import FittedModel

OPSET, FORMAT = 17, 8
_OPERATORS = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "^": "Pow"}
_SAME = {"exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan", "tanh": "Tanh", "abs": "Abs", "min": "Min", "max": "Max", "sign": "Sign", "floor": "Floor", "erf": "Erf"}  # fmt: skip


class _Graph:
    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.numbers: list[Any] = []

    def number(self, value: Any) -> str:
        name = f"number_{len(self.numbers)}"
        self.numbers.append(self._onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, to: str = "", **settings: Any) -> str:
        to = to or f"value_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, list(inputs), [to], **settings))
        return to

    def expression(self, expr: Expr, names: dict[str, str]) -> str:
        match expr:
            case Number(value):
                return self.number(np.array([[value]]))
            case Name("pi"):
                return self.number(np.array([[np.pi]]))
            case Name(name):
                return names[name]
            case Negate(operand):
                return self.node("Neg", self.expression(operand, names))
            case Binary(operator, left, right):
                return self.node(_OPERATORS[operator], self.expression(left, names), self.expression(right, names))
            case Call("softplus", (x,)):
                rest = Call("log", (Binary("+", Number(1.0), Call("exp", (Negate(Call("abs", (x,))),))),))
                return self.expression(Binary("+", Call("max", (x, Number(0.0))), rest), names)
            case Call("sigmoid", (x,)):
                inner = Call("tanh", (Binary("*", Number(0.5), x),))
                return self.expression(Binary("*", Number(0.5), Binary("+", Number(1.0), inner)), names)
            case Call(function, arguments) if function in _SAME:
                return self.node(_SAME[function], *(self.expression(one, names) for one in arguments))
            case Call(function, arguments):
                known = find(function)
                if known is not None and known.definition:
                    return self.expression(definition(known, arguments), names)
                raise ExportError(f"`{function}` stands in a network, and is none that ONNX is written with")
        raise ExportError("a network reads a delayed value, which ONNX is not written with")

    def activation(self, kind: str, x: str) -> str:
        z = Name("z")
        if kind in ("tanh", "sin", "softplus"):
            return self.expression(Call(kind, (z,)), {"z": x})
        if kind == "swish":
            return self.expression(Binary("*", z, Call("sigmoid", (z,))), {"z": x})
        if kind == "gelu":
            cube = Binary("*", Number(0.044715), Binary("*", z, Binary("*", z, z)))
            inner = Call("tanh", (Binary("*", Number(0.7978845608028654), Binary("+", z, cube)),))
            return self.expression(Binary("*", Binary("*", Number(0.5), z), Binary("+", Number(1.0), inner)), {"z": x})
        raise ExportError(f"the activation `{kind}` is none that ONNX is written with")

    def term(self, name: str, form: ExportedNetwork) -> None:
        columns = {
            argument: self.node("Gather", name, self.number(np.array([k])), axis=1)
            for k, argument in enumerate(form.arguments)
        }
        entering = [self.expression(one, columns) for one in form.inputs]
        x = self.node("Concat", *entering, axis=1) if len(entering) > 1 else entering[0]
        x = self.node("Sub", x, self.number(np.asarray(form.center, float)[None, :]))
        x = self.node("Div", x, self.number(np.asarray(form.scale, float)[None, :]))
        for k, (weights, biases) in enumerate(form.layers):
            x = self.node("MatMul", x, self.number(np.ascontiguousarray(np.asarray(weights, float).T)))
            x = self.node("Add", x, self.number(np.asarray(biases, float)[None, :]))
            if k < len(form.layers) - 1:
                x = self.activation(form.activation, x)
        self.node("Identity", self.expression(form.output, {**columns, RAW: x}), to=f"{name}_value")


def write(subject: Subject, options: Options) -> bytes:
    """The file.

    Raises
    ------
    ExportError
        The package `onnx` is not installed, or a network has something that ONNX is not written with.
    """
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise ExportError(
            'ONNX needs the package `onnx`, which is not installed: `pip install "ndestudio[onnx]"`'
        ) from None
    model, helper = subject.model, onnx.helper
    graph = _Graph(onnx)
    entering, leaving = [], []
    for name, network in model.networks.items():
        form = exported(network)
        graph.term(name, form)
        kind = onnx.TensorProto.DOUBLE
        entering.append(helper.make_tensor_value_info(name, kind, ["samples", len(form.arguments)]))
        leaving.append(helper.make_tensor_value_info(f"{name}_value", kind, ["samples", 1]))
    whole = helper.make_graph(graph.nodes, "networks", entering, leaving, graph.numbers)
    made = helper.make_model(
        whole, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=subject.content.origin.program
    )
    made.ir_version = FORMAT
    told = {f"arguments of {name}": ", ".join(network.arguments) for name, network in model.networks.items()}
    helper.set_model_props(made, told)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


def _refuses(model: FittedModel) -> str | None:
    return (
        None
        if model.networks
        else "the model has no network; ONNX is a form of networks, and the other forms have the formulas"
    )


EXPORTER = Exporter(
    "onnx",
    "ONNX",
    "networks.onnx",
    write,
    label="ONNX",
    description="The networks alone",
    proof="Checked by ONNX itself; the networks alone have no trajectory to be compared.",
    refuses=_refuses,
    delays=True,
    events=True,
    noise=True,
    algebraic=True,
)
