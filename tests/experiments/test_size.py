"""Sizes of tests: moments and realised power against simulated customers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels import BGNBD, CustomerSummary, GammaGamma
from clvmodels.errors import ParameterError, UndefinedMomentError, UnitMismatchError

from .worlds import Kind, purchase_times

KIND = Kind()
MODELS = BGNBD(KIND.r, KIND.alpha, KIND.a, KIND.b), GammaGamma(KIND.p, KIND.q + 3, KIND.v)
WINDOW = 26.0
QUADRATURE = 1e-5  # of moments given a history


def _new_customers(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return purchases after the first and value of n simulated new customers."""
    rates, leave = rng.gamma(KIND.r, size=n) / KIND.alpha, rng.beta(KIND.a, KIND.b, n)
    pairs = zip(rates, leave, strict=True)
    x = np.array([len(purchase_times(a, b, WINDOW, rng)) for a, b in pairs])
    nu = rng.gamma(KIND.q + 3, size=n) / KIND.v
    return x, rng.gamma(KIND.p * (x + 1)) / nu


def test_moments_of_new_customers() -> None:
    x, value = _new_customers(8_000, np.random.default_rng(1))
    table = clv.experiment_size(
        *MODELS, effect=0.1, window=WINDOW, unit="week", margin=0.5
    ).table.set_index("quantity")
    # 8,000 draws: means to 1.6 %, sds of skewed values to 4 %.
    assert table["mean"]["purchases"] == pytest.approx(x.mean(), rel=0.04)
    assert table["sd"]["purchases"] == pytest.approx(x.std(), rel=0.08)
    assert table["mean"]["value"] == pytest.approx(0.5 * value.mean(), rel=0.03)
    assert table["sd"]["value"] == pytest.approx(0.5 * value.std(), rel=0.08)


def test_the_promised_power_is_realised() -> None:
    """Welch's test on so many simulated customers finds the effect as often as it should."""
    rng = np.random.default_rng(2)
    _, value = _new_customers(4_000, rng)
    effect = 0.3
    size = clv.experiment_size(
        *MODELS, effect=effect, window=WINDOW, unit="week", power=0.7, share=0.3
    ).table.iloc[-1]
    treated, control = int(size["in_treatment"]), int(size["in_control"])
    assert treated / (treated + control) == pytest.approx(0.3, abs=0.01)
    found = 0
    for _ in range(400):
        a = rng.choice(value, treated) + effect * value.mean()
        found += stats.ttest_ind(a, rng.choice(value, control), equal_var=False).pvalue < 0.05
    # 400 tests: 0.7 within 2.5 standard errors of 0.023.
    assert found / 400 == pytest.approx(0.7, abs=0.06)


@pytest.fixture(scope="module")
def summary() -> CustomerSummary:
    rng = np.random.default_rng(3)
    c = MODELS[0].simulate(1_200, 30.0, seed=3, unit="week")
    x, t_x, T = c.timing
    nu = rng.gamma(KIND.q + 3, size=1_200) / KIND.v
    mean = np.where(x > 0, rng.gamma(np.maximum(KIND.p * x, 1.0)) / nu / np.maximum(x, 1.0), np.nan)
    table = {"customer_id": range(1_200), "frequency": x, "recency": t_x, "T": T}
    frame = pl.DataFrame(table | {"monetary_value": mean}).with_columns(
        pl.col("monetary_value").fill_nan(None)
    )
    return CustomerSummary.from_frame(frame, unit="week")


def test_adjusting_saves_the_variance_between_customers(summary: CustomerSummary) -> None:
    """Var = Var(E[. | history]) + E[Var(. | history)]; the second is left after adjusting."""
    found = clv.experiment_size(*MODELS, rfm=summary, effect=0.1, window="26w")
    table = found.table.set_index(["quantity", "method"])
    expected = MODELS[0].expected_purchases(summary, 26.0)
    plain, rest = (table["sd"][("purchases", each)] ** 2 for each in ("plain", "adjusted"))
    assert plain - rest == pytest.approx(expected.var(), rel=QUADRATURE)
    assert table["mean"][("purchases", "plain")] == pytest.approx(expected.mean(), rel=QUADRATURE)
    value = expected * MODELS[1].expected_spend(summary)
    plain, rest = (table["sd"][("value", each)] ** 2 for each in ("plain", "adjusted"))
    assert plain - rest == pytest.approx(value.var(), rel=QUADRATURE)
    assert found.customers == 1_200
    assert found.table["detectable"].gt(0).all()


def test_a_price_is_a_factor(summary: CustomerSummary) -> None:
    priced = clv.experiment_size(MODELS[0], 4.0, rfm=summary, effect=0.1, window="26w", margin=0.5)
    table = priced.table.set_index(["quantity", "method"])
    for method in ("plain", "adjusted"):
        counted, worth = table.loc[("purchases", method)], table.loc[("value", method)]
        assert worth["sd"] == pytest.approx(2.0 * counted["sd"])
        assert worth["customers_needed"] == counted["customers_needed"]


def test_fits_bring_their_unit(summary: CustomerSummary) -> None:
    fit = BGNBD.fit(summary)
    found = clv.experiment_size(fit, effect=-0.1, window="13w")
    assert (found.window, found.unit, found.customers) == (13.0, "week", None)
    assert found.table["difference"][0] < 0.0 < found.table["customers_needed"][0] < math.inf
    daily = CustomerSummary.from_frame(summary.frame, unit="day")
    with pytest.raises(UnitMismatchError):
        clv.experiment_size(fit, rfm=daily, effect=0.1, window="13w")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"effect": 0.0}, ParameterError, "not zero"),
        ({"effect": "5%"}, ParameterError, "0.05"),
        ({"window": math.inf}, ParameterError, "finite"),
        ({"window": 0}, ParameterError, "above zero"),
        ({"power": 1.0}, ParameterError, "between 0 and 1"),
        ({"share": 0.0}, ParameterError, "between 0 and 1"),
        ({"unit": None}, ParameterError, "unit"),
        ({"spend": BGNBD(1, 1, 1, 1)}, ParameterError, "GammaGamma"),
        ({"spend": GammaGamma(4.0, 1.9, 40.0)}, UndefinedMomentError, "infinite at q = 1.9"),
    ],
)
def test_what_cannot_be_planned_is_an_error(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        clv.experiment_size(MODELS[0], **{"effect": 0.1, "window": 26.0, "unit": "week", **given})
