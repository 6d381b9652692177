"""The small table behind many scores: with arithmetic it is the model's own predictions."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.columns import PREDICTIONS
from clvmodels.lookup import ALIVE, GIVEN_ALIVE, SCORES, lookup, scores, state_of
from clvmodels.models.purchases import PurchaseModel

from .conftest import Case

SAME = 1e-12  # one evaluation, and a few products and a logarithm after it
TERMS = [(30.0, 0.0), (30.0, 0.01), (math.inf, 0.01)]


def arithmetic(columns: dict[str, np.ndarray], t_x: np.ndarray, T: np.ndarray) -> list[np.ndarray]:
    """Do by hand what an engine does with a table of pairs."""
    odds, shape, alpha = (columns[name] for name in ALIVE)
    power = np.minimum(shape * np.log1p((T - t_x) / (alpha + t_x)), 690.0)
    alive = 1.0 / (1.0 + odds * np.exp(power))
    return [alive, *(alive * columns[name] for name in GIVEN_ALIVE)]


@pytest.mark.parametrize(("horizon", "rate"), TERMS)
def test_the_table_gives_the_predictions(purchase_case: Case, horizon: float, rate: float) -> None:
    model, c = purchase_case.model, purchase_case.customers
    assert isinstance(model, PurchaseModel)
    table = lookup(model, c, horizon=horizon, rate=rate)
    assert table.keys == state_of(model)
    found = (
        arithmetic(table.columns, *c.timing[1:])
        if table.elementary
        else [table.columns[name] for name in SCORES]
    )
    expected = [
        model.p_alive(c),
        scores(model, c, horizon=horizon, rate=rate)["expected_purchases"],
        model.discounted_purchases(c, horizon, rate),
    ]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=SAME, abs=1e-300, nan_ok=True)


@pytest.mark.parametrize("x", [0, 1, 40, 10_000])
@pytest.mark.parametrize("kind", [clv.BGNBD, clv.MBGNBD])
def test_long_silence_of_heavy_buyers_overflows_nowhere(kind: type, x: int) -> None:
    model = kind(0.243, 4.414, 0.793, 2.426)
    t_x = np.array([0.0]) if x == 0 else np.array([1e-3, 1.0, 520.0, 1e5])
    c = clv.Customers.from_arrays(np.full(len(t_x), x), t_x, np.full(len(t_x), 1e5), unit="week")
    alive = arithmetic(lookup(model, c, horizon=1.0, rate=0.0).columns, *c.timing[1:])[0]
    assert alive == pytest.approx(model.p_alive(c), rel=1e-11, abs=1e-290)


@pytest.mark.parametrize(("horizon", "rate"), [("30d", 0.0), ("1y", 0.2), (math.inf, 0.2)])
def test_lazy_predictions_are_the_eager_ones(
    purchase_case: Case, horizon: str | float, rate: float
) -> None:
    c = purchase_case.customers
    x, t_x, T = c.timing
    table = pl.DataFrame({"customer_id": range(len(c)), "frequency": x, "recency": t_x, "T": T})
    eager, lazy = (
        clv.predict(
            clv.CustomerSummary.from_frame(frame, unit="week"),
            purchase_case.model,
            horizon=horizon,
            discount_rate=rate,
        )
        for frame in (table, table.lazy())
    )
    found = lazy.collect().sort("customer_id")
    for name in SCORES:
        assert found[name].to_numpy() == pytest.approx(
            eager[name].to_numpy(), rel=SAME, abs=1e-300, nan_ok=True
        )


def test_the_columns_of_a_prediction_are_named_once() -> None:
    assert PREDICTIONS[:3] == SCORES
