"""What Simulink and the solvers of MATLAB give, as a group with a time and one variable for each signal.

Sources: MathWorks, "Data Format for Logged Simulation Data" (structure with time, structure, array), "timeseries
Properties", and "ode45" (the solution structure).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ndestudio.data.readers.clock import long_axes
from ndestudio.data.readers.nodes import Group, Node, Variable, text_of, variable


def with_signals(group: Group) -> Group:
    """The group with every logged structure and time series in it as variables by the names of their signals."""
    members: dict[str, Node] = {}
    for name, node in group.members.items():
        members[name] = with_signals(node) if isinstance(node, Group) else node
    whole = Group(members, group.listed)
    return _structure(whole) or _timeseries(whole) or _elements(whole) or _solution(whole) or whole


def _structure(group: Group) -> Group | None:
    """`time` and `signals(i).values`."""
    signals = group.members.get("signals")
    if not isinstance(signals, Group) or group.listed:
        return None
    listed = list(signals.groups.values()) if signals.listed else [signals]
    if not listed or not all(isinstance(one.members.get("values"), Variable) for one in listed):
        return None
    time = group.members.get("time")
    members: dict[str, Node] = {"time": time} if isinstance(time, Variable) and time.size > 1 else {}
    for place, one in enumerate(listed):
        values = one.members["values"]
        assert isinstance(values, Variable)
        members[_free(_signal_name(one, place, len(listed)), members)] = _time_first(values, time)
    return Group(members)


def _signal_name(signal: Group, place: int, count: int) -> str:
    label = (text_of(signal.members.get("label")) or "").strip("<> ")
    block = (text_of(signal.members.get("blockName")) or "").replace("\n", " ").rsplit("/", 1)[-1].strip()
    return label or block or ("signal" if count == 1 else f"signal_{place + 1}")


def _time_first(values: Variable, time: Node | None) -> Variable:
    """Values of a signal that is a matrix have the time on their last axis; its elements are columns."""
    axes = long_axes(values.shape)
    if len(axes) < 3 or not isinstance(time, Variable) or values.shape[-1] != time.size:
        return values
    flat = values.values().reshape(-1, values.shape[-1], order="F").T
    return variable(np.ascontiguousarray(flat), values.unit)


def _timeseries(group: Group) -> Group | None:
    """`Time` and `Data`, as `struct(ts)` writes a time series."""
    time, data = group.members.get("Time"), group.members.get("Data")
    if not isinstance(time, Variable) or not isinstance(data, Variable) or group.listed:
        return None
    units = _unit(group, "TimeInfo"), _unit(group, "DataInfo")
    name = text_of(group.members.get("Name")) or ""
    name = "Data" if name in ("", "unnamed") else name
    rest = {key: one for key, one in group.variables.items() if key not in ("Time", "Data", "Name") and one.size == 1}
    return Group(
        {**rest, "Time": replace(time, unit=time.unit or units[0]), name: replace(data, unit=data.unit or units[1])}
    )


def _solution(group: Group) -> Group | None:
    """`sol = ode45(...)`: the times are called `x`."""
    solver = text_of(group.members.get("solver")) or ""
    if not solver.startswith("ode") or not isinstance(group.members.get("x"), Variable) or "t" in group.members:
        return None
    return Group({"t" if name == "x" else name: one for name, one in group.members.items()})


def _unit(group: Group, info: str) -> str:
    node = group.members.get(info)
    return (text_of(node.members.get("Units")) or "") if isinstance(node, Group) else ""


def _elements(group: Group) -> Group | None:
    """A dataset: elements with a `Name` and `Values`, a time series each."""
    if not group.groups or not all("Values" in one.members for one in group.groups.values()):
        return None
    found: dict[str, Node] = {}
    for name, element in group.groups.items():
        values = element.members["Values"]
        label = text_of(element.members.get("Name")) or name
        if not isinstance(values, Group):
            return None
        found[_free(label, found)] = _called(values, label)
    return Group(found)


def _called(values: Group, label: str) -> Group:
    """A time series whose data have no name of their own by the name of its element."""
    return Group({label if name == "Data" else name: one for name, one in values.members.items()})


def _free(name: str, taken: Mapping[str, Node]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
