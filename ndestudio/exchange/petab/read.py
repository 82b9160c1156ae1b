"""Reading a PEtab problem, whatever its version."""

from __future__ import annotations

from pathlib import Path

from ndestudio.errors import DataError
from ndestudio.exchange.petab.problem import PetabProblem
from ndestudio.exchange.petab.tables import read_yaml


def read_petab(path: Path | str) -> PetabProblem:
    """The problem in a PEtab YAML file and the files it names.

    Raises
    ------
    DataError
        A file cannot be read, or does not say what it should.
    EquationError
        A formula or the model has something that is not understood, or that we do not have.
    EngineUnavailable
        libSBML or PyYAML is not installed.
    """
    path = Path(path)
    yaml = read_yaml(path)
    version = str(yaml.get("format_version", "")).strip().lstrip("v")
    if version.split(".")[0] == "1":
        from ndestudio.exchange.petab.version1 import read_version1

        return read_version1(path, yaml)
    if version.split(".")[0] == "2":
        from ndestudio.exchange.petab.version2 import implied_priors, read_version2

        return implied_priors(read_version2(path, yaml))
    raise DataError(f"`format_version` is `{version[:20]}`; versions 1 and 2 of PEtab are read", path=str(path))
