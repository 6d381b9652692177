"""Coverage of intervals of purchases and value, by futures drawn from the law itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from clvmodels import (
    BGNBD,
    Customers,
    DataError,
    GammaGamma,
    purchase_distribution,
    value_distribution,
)
from clvmodels.diagnostics import interval_coverage

MODEL = BGNBD(0.243, 4.414, 0.793, 2.426)
EACH = 3000
ERROR = 4.0 * 0.5 / math.sqrt(5 * EACH)  # of a share


def customers() -> Customers:
    few = Customers.from_arrays(
        [0, 1, 2, 7, 20],
        [0.0, 4.0, 30.0, 35.0, 38.0],
        [38.86] * 5,
        unit="week",
        monetary_value=[np.nan, 12.0, 22.35, 60.0, 30.0],
    )
    return few.take(np.repeat(np.arange(5), EACH))


def laws() -> dict[str, Any]:
    c = customers()
    return {
        "purchases": purchase_distribution(c, MODEL, horizon=39.0),
        "value": value_distribution(c, MODEL, GammaGamma(6.25, 3.74, 15.44), horizon=39.0),
        "at a price": value_distribution(c, MODEL, 9.99, horizon=39.0),
        "discounted": value_distribution(c, MODEL, 9.99, horizon=39.0, discount_rate=0.1),
    }


@pytest.mark.parametrize("name", ["purchases", "value", "at a price", "discounted"])
@pytest.mark.parametrize("level", [0.3, 0.9])
def test_coverage_of_a_right_model(name: str, level: float) -> None:
    law = laws()[name]
    actual = law.quantile(np.random.default_rng(3).random(5 * EACH))
    found = interval_coverage(law, actual, level=level)
    assert found.covered == pytest.approx(found.expected, abs=ERROR)
    assert found.randomised == pytest.approx(level, abs=ERROR)
    assert found.expected >= level - 1e-6
    assert found.customers == 5 * EACH
    assert f"{found.covered:.1%} of 15,000 customers" in str(found)


def test_a_wrong_model_shows() -> None:
    law = laws()["purchases"]
    found = interval_coverage(law, law.quantile(0.99))
    assert found.covered < 0.5 < found.expected


def test_bad_input() -> None:
    law = laws()["purchases"]
    with pytest.raises(DataError, match="predictive distribution"):
        interval_coverage(MODEL, [1.0])
    with pytest.raises(DataError, match="shape"):
        interval_coverage(law, [1.0])
    none = purchase_distribution(customers().take(slice(0, 0)), MODEL, horizon=39.0)
    with pytest.raises(DataError, match="no customers"):
        interval_coverage(none, [])
