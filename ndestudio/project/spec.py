"""Spec files: TOML text to a ``Spec`` and back, with errors that name the table, the key, and what was probably meant."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ndestudio.data.config import SplitConfig
from ndestudio.errors import ExportError, SpecError
from ndestudio.figures.style import check_style
from ndestudio.fitting.config import ColumnNoise
from ndestudio.model.analysis import tokenise
from ndestudio.model.black_boxes import found_in
from ndestudio.model.checks import penalty_problems, prior_problems
from ndestudio.model.config import (
    BasisConfig,
    BlackBoxConfig,
    InitialConfig,
    NetworkConfig,
    ParameterConfig,
    PriorConfig,
)
from ndestudio.project.former_names import modern_spec
from ndestudio.project.project import Spec
from ndestudio.project.spec_types import (
    admits_none,
    convert_leaf,
    element_struct,
    nearest,
    seen,
    struct_fields,
    struct_of,
)
from ndestudio.project.toml_text import dump_table

_SHORTHAND: dict[type, tuple[str, tuple[type, ...]]] = {
    ParameterConfig: ("value", (int, float)),
    InitialConfig: ("value", (int, float, str)),
    SplitConfig: ("by", (str,)),
    BasisConfig: ("kind", (str,)),
    ColumnNoise: ("kind", (str,)),
}
"""Tables that may be written as their most important value alone: `alpha = 0.5`."""

_log = logging.getLogger(__name__)
_MAX_BYTES = 4 * 2**20
_NONE = "none"


def load_spec(path: str | Path, note: Callable[[str], None] = _log.warning) -> Spec:
    """Read a spec file; ``note`` is told each former word in it.

    Returns
    -------
    Spec
        The spec; relative data files are resolved against the file's folder.

    Raises
    ------
    SpecError
        With the file, table, key and remedy.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SpecError(f"{path}: the file is larger than {_MAX_BYTES // 2**20} MiB; a spec is a short TOML text")
        text = path.read_text(encoding="utf-8-sig")
    except IsADirectoryError:
        raise SpecError(f"{path}: this is a folder; name the spec file in it") from None
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: byte {error.start} is no UTF-8; save the spec as UTF-8 text") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror or error})") from None
    try:
        return with_base(parse_spec(text, note), path.resolve().parent)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def parse_spec(text: str, note: Callable[[str], None] = _log.warning) -> Spec:
    """A spec from TOML text; file names stay as written; ``note`` is told each former word that was read.

    Raises
    ------
    SpecError
        With the table, key and remedy.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"this is no valid TOML: {_lower(str(error))}") from None
    except RecursionError:
        raise SpecError("this is no valid spec: its tables are nested too deeply") from None
    table, former = modern_spec(table)
    for sentence in former:
        note(sentence)
    return spec_of(table)


def spec_of(table: Mapping[str, Any]) -> Spec:
    """A spec from the tables of a TOML text in today's words.

    Raises
    ------
    SpecError
        With the table, key and remedy.
    """
    spec = _struct(Spec, table, ())
    _check(spec)
    return spec


def dump_spec(spec: Spec, *, base: Path | None = None) -> str:
    """TOML text of a spec; settings equal to their defaults are left out.

    Parameters
    ----------
    base
        Folder the text will lie in; data files below it are named relative to it.
    """
    if base is not None:
        files = tuple(_relative(name, base) for name in spec.data.files)
        boxes = {name: _box_below(name, one, base) for name, one in spec.model.blackboxes.items()}
        boxes = {name: one for name, one in boxes.items() if one != BlackBoxConfig()}
        spec = msgspec.structs.replace(
            spec,
            data=msgspec.structs.replace(spec.data, files=files),
            model=msgspec.structs.replace(spec.model, blackboxes=boxes),
        )
    return dump_table(_plain(spec))


def in_use(spec: Spec) -> Spec:
    """The spec without networks that no equation calls any more: left over while equations were written."""
    model = spec.model
    called = {span.text for span in tokenise(model.equations, networks=model.networks) if span.kind == "neural_term"}
    networks = {name: network for name, network in model.networks.items() if name in called}
    return msgspec.structs.replace(spec, model=msgspec.structs.replace(model, networks=networks))


def with_base(spec: Spec, base: Path) -> Spec:
    """The spec with its relative data files, and the simulators that its equations call, resolved against ``base``."""
    spec = msgspec.structs.replace(spec, model=found_in(spec.model, base))
    if not spec.data.files:
        return spec
    files = tuple(str(base / Path(name).expanduser()) for name in spec.data.files)
    return msgspec.structs.replace(spec, data=msgspec.structs.replace(spec.data, files=files))


def _box_below(name: str, one: BlackBoxConfig, base: Path) -> BlackBoxConfig:
    """A black box whose file is named relative to ``base``, and not at all where its name says it."""
    file = _relative(one.file, base) if one.file else ""
    return msgspec.structs.replace(one, file="" if file == name else file)


def with_files(spec: Spec, files: tuple[str, ...]) -> Spec:
    """The spec with other data files (from the command line); the roles of the columns stay."""
    return msgspec.structs.replace(spec, data=msgspec.structs.replace(spec.data, files=files))


def _struct(type_: type[Any], table: Any, path: tuple[str, ...]) -> Any:
    """Build a struct from a TOML table, key by key, so that an error can name its place."""
    if type_ in _SHORTHAND and isinstance(table, _SHORTHAND[type_][1]) and not isinstance(table, bool):
        table = {_SHORTHAND[type_][0]: table}
    if not isinstance(table, dict):
        raise SpecError(f"{_place(path)}: expected a table of settings, found {seen(table)}")
    if type_.__name__ == "DataConfig" and "file" in table and "files" not in table:
        table = {("files" if key == "file" else key): value for key, value in table.items()}
    fields = struct_fields(type_)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            raise SpecError(_unknown_key(key, tuple(fields), path))
        values[key] = _value(fields[key], value, (*path, key))
    return type_(**values)


def _value(type_: Any, value: Any, path: tuple[str, ...]) -> Any:
    if value == _NONE and admits_none(type_):
        return None
    if (struct := struct_of(type_)) is not None:
        return _struct(struct, value, path)
    if (struct := element_struct(type_)) is not None:
        if not isinstance(value, dict):
            raise SpecError(f"{_place(path)}: expected a table with one entry per name, found {seen(value)}")
        return {name: _struct(struct, entry, (*path, name)) for name, entry in value.items()}
    return convert_leaf(type_, value, _place(path))


def _check(spec: Spec) -> None:
    """What types alone cannot say."""
    from ndestudio.symbolic.presets import resolve_operators

    try:
        resolve_operators(spec.distil.operators, spec.distil.complexity)
    except ValueError as error:
        raise SpecError(f"[distil] operators: {error}") from None
    _check_names(spec)
    for name, parameter in spec.model.parameters.items():
        _check_bounds(f"[model.parameters.{name}]", parameter.lower, parameter.upper)
        _check_prior(f"[model.parameters.{name}]", parameter.prior)
    for name, initial in spec.model.initial.items():
        _check_bounds(f"[model.initial.{name}]", initial.lower, initial.upper)
        _check_prior(f"[model.initial.{name}]", initial.prior)
    for name, penalty in spec.model.penalties.items():
        for sentence in penalty_problems(penalty):
            raise SpecError(f"[model.penalties.{name}]: {sentence}")
    for name, network in spec.model.networks.items():
        _check_bounds(f"[model.networks.{name}]", network.lower, network.upper)
        _check_network(f"[model.networks.{name}]", network)
    try:
        check_style(spec.export.style)
    except ValueError as error:
        raise SpecError(f"[export.style] {error}") from None
    split = spec.data.split
    if min(split.train, split.validation, split.test) < 0 or split.train <= 0:
        raise SpecError("[data.split]: the fractions must not be negative, and `train` must be above 0")


def _check_names(spec: Spec) -> None:
    """Refuse names of engines, solvers and exporters that do not exist, before hours of training."""
    from ndestudio.export.registry import EXPORTERS
    from ndestudio.solve.registry import for_training
    from ndestudio.symbolic.registry import ENGINES

    try:
        ENGINES.check(spec.distil.engine)
    except ValueError as error:
        raise SpecError(f"[distil] engine: {error}") from None
    try:
        for_training(spec.train.solver)
    except SpecError as error:
        raise SpecError(f"[train] solver: {error}") from None
    for name in spec.export.formats:
        try:
            EXPORTERS.check(name)
        except ExportError as error:
            raise SpecError(f"[export] formats: {error}") from None


def _check_bounds(place: str, lower: float | None, upper: float | None) -> None:
    if lower is not None and upper is not None and not lower < upper:
        raise SpecError(f"{place}: `lower` ({lower:g}) must be below `upper` ({upper:g})")


def _check_prior(place: str, prior: PriorConfig | None) -> None:
    for sentence in prior_problems(prior):
        raise SpecError(f"{place} prior: {sentence}")


def _check_network(place: str, network: NetworkConfig) -> None:
    if not 1 <= network.width <= 4096 or not 0 <= network.depth <= 16:
        raise SpecError(f"{place}: `width` must be 1 to 4096 and `depth` 0 to 16")


def _unknown_key(key: str, known: tuple[str, ...], path: tuple[str, ...]) -> str:
    where = f"in [{'.'.join(path)}]" if path else "at the top level"
    near = nearest(key, known)
    hint = f"did you mean `{near}`?" if near else f"known keys are {', '.join(known)}"
    return f"unknown key `{key}` {where}; {hint}"


def _place(path: tuple[str, ...]) -> str:
    *tables, key = path or ("",)
    return f"[{'.'.join(tables)}] {key}" if tables else f"`{key}`"


def _plain(value: Any) -> Any:
    """Structs as dictionaries of what differs from the defaults, in the order of the fields."""
    if isinstance(value, msgspec.Struct):
        return _plain_struct(value)
    if isinstance(value, Mapping):
        return {key: _entry(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) if isinstance(one, msgspec.Struct) else one for one in value]
    return _NONE if value is None else value


def _plain_struct(value: msgspec.Struct) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        own = getattr(value, field.encode_name)
        if field.required:
            table[field.encode_name] = _plain(own)
            continue
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default  # type: ignore[operator]
        if own != default:
            table[field.encode_name] = _plain(own)
    return table


def _entry(value: Any) -> Any:
    """An entry of a table of structs, as its shorthand where nothing else is set."""
    plain = _plain(value)
    if type(value) in (ParameterConfig, InitialConfig):
        key = _SHORTHAND[type(value)][0]
        if not plain.keys() - {key} and getattr(value, key) is not None:
            return getattr(value, key)
    return plain


def _relative(name: str, base: Path) -> str:
    try:
        return Path(name).resolve().relative_to(base.resolve()).as_posix() if Path(name).is_absolute() else name
    except ValueError:
        return name


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
