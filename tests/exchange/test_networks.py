"""Networks of PEtab SciML: layers against formulas written out, damaged files against sentences."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks.exchange.suites import cases, initialisation_case, network_case, sciml_case
from ndestudio.errors import DataError
from ndestudio.exchange.sciml.arrays import read_arrays, write_arrays
from ndestudio.exchange.sciml.functions import FUNCTIONS
from ndestudio.exchange.sciml.layers import LAYERS
from ndestudio.exchange.sciml.network import read_network

pytest.importorskip("yaml", reason="PyYAML is not installed")


@pytest.mark.parametrize(
    ("suite", "name", "check"),
    [
        ("sciml_networks", "044", network_case),
        ("sciml_networks", "053", network_case),
        ("sciml_problems", "016", sciml_case),
        ("sciml_problems", "017", sciml_case),
        ("sciml_initialization", "002", initialisation_case),
    ],
)
def test_a_case_of_the_public_suites_comes_out(suite: str, name: str, check: object) -> None:
    pytest.importorskip("libsbml", reason="libSBML is not installed")
    found = [one for one in cases(suite) if one.name == name]
    if not found:
        pytest.skip("the suites of PEtab SciML are not here")
    assert list(check(found[0])) == []  # type: ignore[operator]


def windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    return np.stack([x[k : k + size] for k in range(0, len(x) - size + 1, stride)])


def test_layers_are_those_of_pytorch() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 7)), rng.normal(size=(3, 2, 3)), rng.normal(size=3)
    layer = LAYERS["Conv1d"]("Conv1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 2})
    expected = np.array([[(x[:, 2 * k : 2 * k + 3] * w[o]).sum() + b[o] for k in range(3)] for o in range(3)])
    assert np.asarray(layer({"weight": w, "bias": b}, x)) == pytest.approx(expected)
    turned = LAYERS["ConvTranspose1d"](
        "ConvTranspose1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 2, "bias": False}
    )
    w2 = rng.normal(size=(2, 3, 3))
    spread = np.zeros((3, 15))
    for i in range(2):
        for k in range(7):
            spread[:, 2 * k : 2 * k + 3] += x[i, k] * w2[i]
    assert np.asarray(turned({"weight": w2}, x)) == pytest.approx(spread)
    pool = LAYERS["MaxPool1d"]("MaxPool1d", {"kernel_size": 3, "stride": 2})
    assert np.asarray(pool({}, x)) == pytest.approx(np.stack([windows(row, 3, 2).max(axis=1) for row in x]))
    mean = LAYERS["AdaptiveAvgPool1d"]("AdaptiveAvgPool1d", {"output_size": 3})
    parts = [slice(0, 3), slice(2, 5), slice(4, 7)]
    assert np.asarray(mean({}, x)) == pytest.approx(np.stack([x[:, one].mean(axis=1) for one in parts], axis=1))


def test_functions_keep_to_pytorch_where_jax_differs() -> None:
    from scipy.special import erf

    # PyTorch 2.x: gelu with the error function, softplus the identity beyond 20
    x = np.array([-1.5, 0.3, 30.0])
    assert np.asarray(FUNCTIONS["gelu"](x)) == pytest.approx(x * 0.5 * (1 + erf(x / np.sqrt(2))))
    assert np.asarray(FUNCTIONS["softplus"](x)) == pytest.approx(
        [np.log1p(np.exp(-1.5)), np.log1p(np.exp(0.3)), 30.0], rel=1e-12
    )


def test_arrays_are_written_and_read_back(tmp_path: Path) -> None:
    values = {"net": {"layer1": {"weight": np.arange(6.0).reshape(2, 3), "bias": np.array([0.1, 0.2])}}}
    write_arrays(tmp_path / "a.hdf5", values)
    found = read_arrays(tmp_path / "a.hdf5", "parameters")
    assert found["net"]["layer1"]["weight"] == pytest.approx(values["net"]["layer1"]["weight"])


def test_links_and_damage_in_array_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["parameters/net/layer1/weight"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(DataError, match="link"):
        read_arrays(path, "parameters")
    with h5py.File(path, "w") as file:
        file["parameters/net/layer1/weight"] = "text"
    with pytest.raises(DataError, match="numbers"):
        read_arrays(path, "parameters")
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(DataError, match="HDF5"):
        read_arrays(path, "parameters")


NETWORK = """
nn_model_id: n
layers: [{layer_id: a, layer_type: Linear, args: {in_features: 2, out_features: 1}}]
forward:
- {name: x, op: placeholder, target: x, args: [], kwargs: {}}
- {name: a, op: call_module, target: a, args: [x], kwargs: {}}
- {name: output, op: output, target: output, args: [a], kwargs: {}}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Linear", "Nonlinear", "Nonlinear"),
        ("in_features: 2, ", "", "in_features"),
        ("args: [x]", "args: [y]", "`y`"),
        ("target: a,", "target: b,", "`b`"),
        ("op: output", "op: call_function", "output"),
        ("op: placeholder", "op: getattr", "getattr"),
    ],
)
def test_a_network_that_is_none_gets_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "n.yaml").write_text(NETWORK)
    network = read_network(tmp_path / "n.yaml")
    arrays = {"a": {"weight": np.array([[1.0, 2.0]]), "bias": np.array([0.5])}}
    assert np.asarray(network(arrays, [np.array([3.0, 4.0])])[0]) == pytest.approx([11.5])
    with pytest.raises(DataError, match="shape"):
        network.check({"a": {"weight": np.ones((2, 2)), "bias": np.ones(1)}})
    (tmp_path / "n.yaml").write_text(NETWORK.replace(old, new))
    with pytest.raises(DataError, match=said):
        read_network(tmp_path / "n.yaml")
