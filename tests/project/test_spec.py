from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.distil.config import DistilConfig
from ndestudio.errors import SpecError
from ndestudio.export.config import ExportConfig
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.project.project import Spec
from ndestudio.project.spec import dump_spec, load_spec, parse_spec, with_files

LYNX_HARE = '''
name = "lynx and hare"

[data]
files = ["lynx_hare.csv"]
time = "year"
states = ["hare", "lynx"]
split = "time"

[model]
equations = """
d(hare)/dt = alpha*hare - predation(hare, lynx)   # births
d(lynx)/dt = growth(hare, lynx) - delta*lynx
"""

[model.parameters]
alpha = 0.5
delta = { value = 1, lower = 0, unit = "1/year" }

[model.networks.predation]
width = 16
sign = "positive"

[model.initial]
S = "763 - in_bed"
R = 0

[train]
preset = "quick"
stages = ["collocation", "trajectory"]
iterations = { shooting = 100 }

[distil]
operators = "polynomial"
seconds = "none"
evaluations = 1000

[export]
formats = ["latex", "python"]
'''


def test_a_spec_reads_as_written() -> None:
    spec = parse_spec(LYNX_HARE)
    assert spec.name == "lynx and hare"
    assert spec.data == DataConfig(
        files=("lynx_hare.csv",), time="year", states=("hare", "lynx"), split=SplitConfig(by="time")
    )
    assert spec.model.equations.startswith("d(hare)/dt = alpha*hare") and "# births" in spec.model.equations
    assert spec.model.parameters == {
        "alpha": ParameterConfig(value=0.5),
        "delta": ParameterConfig(value=1.0, lower=0.0, unit="1/year"),
    }
    assert spec.model.networks == {"predation": NetworkConfig(width=16, sign="positive")}
    assert spec.model.initial == {"S": InitialConfig(value="763 - in_bed"), "R": InitialConfig(value=0.0)}
    assert spec.train == TrainConfig(preset="quick", stages=("collocation", "trajectory"), iterations={"shooting": 100})
    assert spec.distil == DistilConfig(operators="polynomial", seconds=None, evaluations=1000)
    assert spec.export == ExportConfig(formats=("latex", "python"))


def test_an_empty_spec_is_all_defaults() -> None:
    assert parse_spec("") == Spec()
    assert dump_spec(Spec()) == ""


def test_a_spec_round_trips_through_its_text() -> None:
    spec = parse_spec(LYNX_HARE)
    text = dump_spec(spec)
    assert parse_spec(text) == spec
    assert "alpha = 0.5" in text
    assert 'S = "763 - in_bed"' in text
    assert 'seconds = "none"' in text
    assert 'equations = """\nd(hare)/dt = alpha*hare' in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[train]\nsed = 1", "unknown key `sed` in [train]; did you mean `seed`?"),
        ("[trian]", "unknown key `trian` at the top level; did you mean `train`?"),
        ("[model.networks.f]\nwidht = 3", "unknown key `widht` in [model.networks.f]; did you mean `width`?"),
        ("[model.parameters.k]\nvalu = 3", "unknown key `valu` in [model.parameters.k]; did you mean `value`?"),
        ("[data.split]\ntraining = 1", "unknown key `training` in [data.split]; did you mean `train`?"),
        ("[export]\nzzz = 1", "unknown key `zzz` in [export]; known keys are formats, figures, verify, digits, style"),
        (
            "[export.style]\nwidth = 3",
            "[export.style] `width` must be 30 to 1000 mm, or one of single, one-and-a-half, double",
        ),
        ("[export.style]\nwidth = 'singel'", "did you mean `single`?"),
        ("[train]\nseed = 'one'", '[train] seed: expected a whole number, found the text "one"'),
        ("[train]\nseed = 1.5", "[train] seed: expected a whole number, found the number 1.5"),
        ("[train]\nseed = true", "[train] seed: expected a whole number, found true"),
        ("[train]\npreset = 'quik'", "did you mean `quick`?"),
        ("[train]\nstages = ['shoting']", 'in which element 1 is the text "shoting"'),
        ("[train]\niterations = {shooting = 'x'}", 'in which `shooting` is the text "x"'),
        (
            "[data]\nfiles = ['a', 1]",
            "[data] files: expected a list of texts, found a list in which element 2 is the number 1",
        ),
        (
            "[data]\ntime = 1979-05-27",
            "[data] time: expected a text or a list of texts, found the date or time 1979-05-27",
        ),
        ("[model.parameters]\nk = 'x'", '[model.parameters] k: expected a table of settings, found the text "x"'),
        ("[model.parameters]\nk = {value = 'x'}", '[model.parameters.k] value: expected a number, found the text "x"'),
        ("model = 3", "`model`: expected a table of settings, found the number 3"),
        ("[model]\nparameters = 3", "[model] parameters: expected a table with one entry per name, found the number 3"),
        ("[distil]\noperators = ['+', 'sine']", "unknown operator `sine`; did you mean `sin`?"),
        ("[distil]\noperators = 'ploynomial'", "did you mean `polynomial`?"),
        (
            "[model.parameters]\nk = {lower = 2, upper = 1}",
            "[model.parameters.k]: `lower` (2) must be below `upper` (1)",
        ),
        ("[model.networks.f]\nwidth = 0", "[model.networks.f]: `width` must be 1 to 4096"),
        ("[data.split]\ntrain = 0", "`train` must be above 0"),
        ("a = [1,", "this is no valid TOML"),
        ("a = 1\na = 2", "this is no valid TOML"),
    ],
)
def test_an_error_names_its_place_and_the_remedy(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert sentence in str(caught.value)


def test_small_kindnesses() -> None:
    assert parse_spec("[data]\nfile = 'a.csv'").data.files == ("a.csv",)
    assert parse_spec("[data]\nfiles = 'a.csv'\nstates = 'x'").data == DataConfig(files=("a.csv",), states=("x",))
    assert parse_spec("[distil]\noperators = '+'").distil.operators == "+"
    assert parse_spec("[model]\nparameters = {k = 3}").model.parameters["k"].value == 3.0


def test_data_files_are_found_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "spec.toml"
    elsewhere = str((tmp_path / "elsewhere.csv").resolve())
    path.write_text(f"[data]\nfiles = ['sub/a.csv', '{elsewhere}']")
    spec = load_spec(path)
    assert spec.data.files == (str((tmp_path / "sub" / "a.csv").resolve()), elsewhere)
    assert "'" not in dump_spec(spec, base=tmp_path)
    assert parse_spec(dump_spec(spec, base=tmp_path)).data.files == ("sub/a.csv", "elsewhere.csv")
    assert with_files(spec, ("b.csv",)).data.files == ("b.csv",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no such file"),
        (b"\xff\xfe\x00", "is no UTF-8"),
        (b"[train]\nsed=1", "spec.toml: unknown key `sed`"),
        (b"#" * (5 * 2**20), "larger than 4 MiB"),
        (("a = " + "[" * 20000).encode(), "is no valid"),
    ],
)
def test_a_file_that_is_no_spec_is_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "spec.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=r"spec\.toml") as caught:
        load_spec(path)
    assert sentence in str(caught.value)
    with pytest.raises(SpecError, match="this is a folder"):
        load_spec(tmp_path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(b"\xef\xbb\xbf[train]\nseed = 3")
    assert load_spec(path).train.seed == 3


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBER = st.floats(allow_nan=False, allow_infinity=True)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    lower = draw(st.none() | st.floats(-1e6, 0))
    parameter = st.builds(
        ParameterConfig, value=NUMBER, lower=st.just(lower), upper=st.none() | st.floats(1, 9), unit=TEXT, note=TEXT
    )
    return Spec(
        name=draw(TEXT),
        description=draw(TEXT),
        data=DataConfig(
            files=tuple(draw(st.lists(TEXT, max_size=3))),
            time=draw(st.none() | TEXT.filter(lambda text: text != "none")),
            names=draw(st.dictionaries(TEXT, TEXT, max_size=3)),
            weights=draw(st.dictionaries(TEXT, NUMBER, max_size=3)),
        ),
        model=ModelConfig(
            equations=draw(TEXT),
            parameters=draw(st.dictionaries(TEXT, parameter, max_size=3)),
            initial=draw(st.dictionaries(TEXT, st.builds(InitialConfig, value=st.none() | NUMBER | TEXT), max_size=2)),
        ),
        distil=DistilConfig(
            seconds=draw(st.none() | st.floats(0, 1e3)),
            operators=draw(st.sampled_from(["rational", ("+", "*"), ("polynomial", "sin")])),
            options=draw(st.dictionaries(TEXT, PLAIN, max_size=3)),
        ),
    )


@settings(max_examples=150)
@given(specs())
def test_any_spec_round_trips(spec: Spec) -> None:
    assert parse_spec(dump_spec(spec)) == spec


@settings(max_examples=150)
@given(TEXT)
def test_no_text_raises_anything_but_a_spec_error(text: str) -> None:
    try:
        parse_spec(text)
    except SpecError as error:
        assert str(error)


PRIORS = """
[model]
equations = "d(x)/dt = -k*x"

[model.parameters]
k = { value = 0.7, prior = { kind = "log-normal", median = 0.6, sd = 0.2 } }

[model.initial.x.prior]
mean = 2.0
sd = 0.1

[model.penalties]
sign = { expression = "x", kind = "positive", weight = 2.0 }
"""


def test_priors_and_penalties_read_and_round_trip() -> None:
    spec = parse_spec(PRIORS)
    prior = spec.model.parameters["k"].prior
    assert prior is not None and prior.median == 0.6 and prior.sd == 0.2
    assert str(prior) == "log-normal, median 0.6, sd of the logarithm 0.2"
    start = spec.model.initial["x"].prior
    assert start is not None and start.kind == "normal" and start.mean == 2.0
    assert spec.model.penalties["sign"].weight == 2.0
    assert parse_spec(dump_spec(spec)) == spec


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("median = 0.6, ", "", "[model.parameters.k] prior: a log-normal prior needs `median`"),
        ("sd = 0.2", "sd = -1", "[model.parameters.k] prior: `sd` of a prior must be above 0"),
        ('"positive"', '"odd"', "[model.penalties.sign] kind: expected one of `zero`, `positive`"),
        ("weight = 2.0", "weigth = 2.0", "did you mean `weight`?"),
    ],
)
def test_a_prior_or_penalty_that_makes_no_sense_is_named(old: str, new: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(PRIORS.replace(old, new))
    assert sentence in str(caught.value)
