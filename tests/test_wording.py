import math

import pytest

from ndestudio.wording import percent


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.2094, "20.9%"),
        (0.02, "2.00%"),
        (0.00314159, "0.314%"),
        (1.234, "123%"),
        (9.9996, "1000%"),
        (12.0, "> 1000%"),
        (4.52e-17, "exact"),
        (0.0, "exact"),
        (3e-7, "< 0.001%"),
        (math.nan, "failed"),
        (math.inf, "failed"),
    ],
)
def test_errors_are_written_without_exponents(value: float, words: str):
    assert percent(value) == words
