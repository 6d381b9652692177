"""Matrices, laws of heterogeneity and mean spend: of every model, against simulated customers."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import clvmodels as clv
from clvmodels import (
    BDW,
    BGBB,
    BGNBD,
    SBG,
    Customers,
    DataError,
    GammaGamma,
    ParameterError,
    ParetoNBD,
    UnitMismatchError,
)
from clvmodels.diagnostics import (
    expected_purchases_matrix,
    heterogeneity,
    p_alive_matrix,
    spend_distribution,
)
from clvmodels.models.base import Model
from clvmodels.models.laws import BetaLaw
from clvmodels.models.purchases import OpportunityModel, PurchaseModel
from clvmodels.models.registry import MODELS

SIGMAS = 4.5  # a seeded test that fails by chance once in 150,000 seeds
PAPER = BGNBD(0.243, 4.414, 0.793, 2.426)


def example(kind: type[Model]) -> Model:
    """The model at the middle of the range that it declares."""
    values = [float(np.sqrt(np.prod(each.typical))) for each in kind.domains().values()]
    return kind(*values, **dict.fromkeys(kind.settings(), 2))


EVERY = [pytest.param(example(kind), id=name) for name, kind in MODELS.items()]
PURCHASES = [each for each in EVERY if isinstance(each.values[0], PurchaseModel)]


# --- matrices ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", PURCHASES)
def test_cells_are_predictions(model: PurchaseModel) -> None:
    age = 12.0
    alive = p_alive_matrix(model, age=age, frequencies=range(4), unit="week")
    ahead = expected_purchases_matrix(model, age=age, horizon=5, frequencies=range(4))
    known = alive.table.dropna()
    for row in known.sample(min(8, len(known)), random_state=1).itertuples():
        one = Customers.from_arrays([row.frequency], [row.recency], [age], unit="week")
        assert row.value == pytest.approx(model.p_alive(one)[0])
        same = (ahead.table["frequency"] == row.frequency) & (ahead.table["recency"] == row.recency)
        own = model.expected_purchases(one, 5.0)[0]
        assert ahead.table.loc[same, "value"].item() == pytest.approx(own)
    never = (alive.table["frequency"] == 0) != (alive.table["recency"] == 0.0)
    assert alive.table.loc[never, "value"].isna().all()
    if isinstance(model, OpportunityModel):
        assert (known["recency"] == known["recency"].round()).all()
        assert (known["frequency"] <= known["recency"]).all()
    else:
        assert len(known) == len(alive.table) - never.sum()
    assert alive.grid.shape == (len(alive.table) // 4, 4)
    assert pickle.loads(pickle.dumps(alive)).table.equals(alive.table)
    assert model.title.split("/")[0] in str(ahead)
    assert "<table" in ahead._repr_html_()


def test_published_matrix_of_the_bgbb_paper() -> None:
    """Fader, Hardie and Shang (2010): P(alive in 2002), at the parameters printed there.

    The paper asks that donors do not leave at the beginning of the next opportunity, too.
    """
    gamma, delta = 0.657, 2.783
    matrix = p_alive_matrix(BGBB(1.204, 0.750, gamma, delta), age=6, frequencies=range(7))
    stay = (delta + 6.0) / (gamma + delta + 6.0)
    grid = matrix.grid * stay
    assert f"{grid.loc[0.0, 0]:.2f}" == "0.11"
    assert [f"{grid.loc[6.0, x]:.2f}" for x in (1, 6)] == ["0.93", "0.93"]
    assert grid.loc[5.0, 5] < grid.loc[5.0, 1]


def test_durations_and_data_of_matrices() -> None:
    c = BGNBD(0.5, 5.0, 0.8, 2.4).simulate(800, 30.0, seed=1, unit="week")
    fit = BGNBD.fit(c)
    matrix = expected_purchases_matrix(fit, age="70d", horizon="1y", recencies=[0, 10])
    assert matrix.age == 10.0
    assert matrix.horizon == pytest.approx(365.25 / 7.0)
    assert matrix.unit == "week"
    assert "10 weeks ago" in matrix.title
    far = p_alive_matrix(fit, age=1e4, frequencies=[0, 1, 10_000])
    assert far.table["value"].dropna().between(0.0, 1.0).all()
    with pytest.raises(UnitMismatchError):
        p_alive_matrix(fit, age=10, unit="day")
    with pytest.raises(ParameterError, match="no later than now"):
        p_alive_matrix(fit, age=10, recencies=[11.0])
    with pytest.raises(ParameterError, match="finite"):
        p_alive_matrix(fit, age=math.inf)
    with pytest.raises(ParameterError, match="frequencies"):
        p_alive_matrix(fit, age=10, frequencies=[0.5])
    with pytest.raises(DataError, match="whole periods"):
        p_alive_matrix(BGBB(1.2, 0.75, 0.66, 2.8), age=6.5)


def with_covariates() -> Any:
    base = BGNBD(0.5, 5.0, 0.8, 2.4)
    c = base.simulate(600, 30.0, seed=1, unit="week")
    web = np.arange(600) % 2
    x, t_x, age = c.timing
    data = Customers.from_arrays(x, t_x, age, unit="week", covariates={"web": web})
    return BGNBD.fit(data, purchase="web")


def test_covariates_say_of_whom() -> None:
    fit = with_covariates()
    for web in (0, 1):
        one = fit.model.at(web=web)
        matrix = p_alive_matrix(fit, age=30, covariates={"web": web})
        own = p_alive_matrix(one, age=30, unit="week")
        pd.testing.assert_frame_equal(matrix.table, own.table)
        laws = heterogeneity(fit, covariates={"web": web})
        assert laws.mean["purchases per week"] == pytest.approx(one.r / one.alpha)
    with pytest.raises(ParameterError, match="covariates"):
        p_alive_matrix(fit, age=30)
    with pytest.raises(ParameterError, match="covariates"):
        heterogeneity(fit)
    with pytest.raises(ParameterError, match="no covariates"):
        heterogeneity(PAPER, covariates={"web": 1})


# --- heterogeneity ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_densities_integrate_to_one(model: Model) -> None:
    for law in model.mixing():
        edges = law.quantile([1e-9, 0.01, 0.2, 0.5, 0.8, 0.99, 1.0 - 1e-9])
        parts = [
            integrate.quad(lambda z, law=law: float(law.density(np.exp(z)) * np.exp(z)), *each)[0]
            for each in zip(np.log(edges), np.log(edges[1:]), strict=False)
        ]
        assert np.cumsum(parts) == pytest.approx(law.cumulative(edges[1:]), abs=1e-7)
        top = 1.0 if isinstance(law, BetaLaw) else math.inf
        mean = integrate.quad(lambda x, law=law: 1.0 - float(law.cumulative(x)), 0.0, top)[0]
        assert law.mean == pytest.approx(mean, rel=1e-4)
    found = heterogeneity(model, unit="week")
    assert set(found.table.columns) == {"quantity", "x", "density", "cumulative"}
    for quantity, points in found.table.groupby("quantity"):
        assert points["x"].is_monotonic_increasing
        assert points["cumulative"].iloc[[0, -1]].tolist() == pytest.approx([0.005, 0.995])
        middle = np.interp(0.5, points["cumulative"], points["x"])
        assert found.median[str(quantity)] == pytest.approx(middle, rel=1e-6)
        assert "{" not in str(quantity)
    assert pickle.loads(pickle.dumps(found)).mean == found.mean
    assert "mean" in str(found)
    assert "<table" in found._repr_html_()


def moments_of_first_period(model: PurchaseModel) -> dict[str, float]:
    """What the laws say of new customers, in a time too short for more than one purchase."""
    return {law.quantity.split(" per ")[0].split(" in ")[0]: law.mean for law in model.mixing()}


@pytest.mark.parametrize("model", PURCHASES)
def test_laws_are_those_of_the_model(model: PurchaseModel) -> None:
    """The mean rate of purchases and of leaving, from E[X(t)] and P(alive) of new customers."""
    means = moments_of_first_period(model)
    if isinstance(model, OpportunityModel):
        one = float(model.mean_purchases(1.0))
        stay = 1.0 - next(mean for name, mean in means.items() if "leaving" in name)
        assert one == pytest.approx(stay * means.get("probability of a purchase", 1.0))
        return
    new = Customers.from_arrays([0.0], [0.0], [0.0], unit=None)
    if hasattr(model, "k"):  # the long run of customers who stay, from BG/NBD without dropout
        law = model.mixing()[0]
        rng = np.random.default_rng(3)
        rate = rng.gamma(model.r, 1.0 / model.alpha, 100_000) / model.k
        assert law.mean == pytest.approx(rate.mean(), rel=0.02)
        assert float(law.quantile(0.9)) == pytest.approx(np.quantile(rate, 0.9), rel=0.03)
    else:
        short = 1e-7
        there = float(model.p_alive(new)[0])
        rate = float(model.mean_purchases(short)) / short / there
        assert means["purchases"] == pytest.approx(rate, rel=1e-4)
    leaving = next(mean for name, mean in means.items() if "leaving" in name)
    if "after a purchase" in str(means):
        assert 1.0 - float(model.p_alive(new)[0]) == pytest.approx(leaving)
    if "leaving rate" in str(means):
        stay = float(model.stay_if_alive(new, np.array([1e-7]))[0])
        assert leaving == pytest.approx((1.0 - stay) / 1e-7, rel=1e-4)


def test_simulated_subscribers_follow_their_law() -> None:
    for model in (SBG(0.7, 3.8), BDW(0.7, 3.8, 1.3)):
        first = model.simulate(200_000, 1.0, seed=1).frequency
        (law,) = model.mixing()
        assert 1.0 - first.mean() == pytest.approx(law.mean, abs=SIGMAS * 0.4 / 447.0)


def test_simulated_spend_follows_its_law() -> None:
    """The mean of very many purchases is a customer's own mean."""
    model = GammaGamma(6.25, 3.74, 15.44)
    bare = Customers.from_arrays(np.full(50_000, 1e7), unit=None)
    means = model.simulate(bare, seed=1).spend[1]
    (law,) = model.mixing()
    assert stats.kstest(means, law.cumulative).pvalue > 1e-3
    assert heterogeneity(GammaGamma(6.25, 0.9, 15.44)).mean["mean spend per purchase"] == math.inf


@pytest.mark.parametrize(
    "model",
    [
        ParetoNBD(1e-3, 1e-3, 1e-6, 1e6),
        ParetoNBD(1e9, 1e12, 1e7, 1e7),
        BGNBD(1e-5, 1e-9, 1e-9, 1e-3),
        BGNBD(50.0, 1.0, 1e9, 1e9),
        SBG(1e-6, 1e-6),
        GammaGamma(1e-3, 1e-3, 1e-9),
        GammaGamma(1e8, 1e8, 1e12),
    ],
    ids=repr,
)
def test_laws_at_the_limits_of_models(model: Model) -> None:
    found = heterogeneity(model)
    numbers = found.table[["x", "density", "cumulative"]]
    assert not numbers.isna().any().any()
    assert (numbers >= 0.0).all().all()
    assert found.table.groupby("quantity")["cumulative"].is_monotonic_increasing.all()


def test_heterogeneity_of_what_is_no_model() -> None:
    with pytest.raises(DataError, match="fit or a model"):
        heterogeneity("BGNBD")


# --- spend ------------------------------------------------------------------------------------


def spenders(n: int, seed: int) -> Customers:
    c = BGNBD(0.8, 5.0, 0.8, 2.4).simulate(n, 30.0, seed=seed, unit="week")
    return GammaGamma(6.25, 3.74, 15.44).simulate(c, seed=seed)


def test_expected_spend_is_the_integral_of_the_likelihood() -> None:
    """The log-likelihood of the model is the density of a mean of x purchases."""
    model, c = GammaGamma(6.25, 3.74, 15.44), spenders(400, 1)
    found = spend_distribution(c, model, bins=6)
    repeat = c.frequency[c.frequency > 0.0]
    levels, count = np.unique(repeat, return_counts=True)

    def density(m: float) -> float:
        rows = Customers.from_arrays(levels, unit=None, monetary_value=np.full(len(levels), m))
        return float(count @ np.exp(model.log_likelihood(rows)))

    for row in found.table.itertuples():
        if math.isinf(row.high):
            assert math.isnan(row.density)
            continue
        assert row.expected == pytest.approx(integrate.quad(density, row.low, row.high)[0])
        middle = 0.5 * (row.low + row.high)
        assert row.density == pytest.approx(density(middle) / len(repeat))
    assert found.table["expected"].sum() == pytest.approx(len(repeat))
    assert found.table["observed"].sum() == len(repeat) == found.customers


def test_simulated_spenders_are_as_expected() -> None:
    model, c = GammaGamma(6.25, 3.74, 15.44), spenders(40_000, 2)
    found = spend_distribution(c, model)
    assert stats.chi2.sf(found.chi_square, found.cells - 1) > 1e-3
    assert found.misplaced < 0.02
    means = c.spend[1][c.frequency > 0.0]
    counted = np.histogram(means, np.append(found.table["low"], np.inf))[0]
    assert found.table["observed"].tolist() == counted.tolist()
    again = spend_distribution(c.take(np.random.default_rng(1).permutation(len(c))), model)
    pd.testing.assert_frame_equal(found.table, again.table, check_exact=True)


def test_cells_of_chi_square_have_five_expected_customers() -> None:
    found = spend_distribution(spenders(300, 3), GammaGamma(6.25, 3.74, 15.44))
    observed, expected = found._cells()
    assert expected.min() >= 5.0
    assert len(expected) == found.cells < len(found.table)
    assert observed.sum() == found.customers
    assert f"{found.cells} cells" in str(found)
    assert "<table" in found._repr_html_()


def test_large_amounts_and_covariates() -> None:
    c = spenders(300, 4)
    x, m = c.spend
    rich = Customers.from_arrays(x, unit="week", monetary_value=1e12 * m)
    found = spend_distribution(rich, GammaGamma.fit(rich))
    plain = spend_distribution(c, GammaGamma.fit(c))
    assert found.table["low"].to_numpy() == pytest.approx(1e12 * plain.table["low"].to_numpy())
    assert found.table["expected"].to_numpy() == pytest.approx(plain.table["expected"], rel=1e-4)
    web = {"web": np.arange(300) % 2}
    data = Customers.from_arrays(x, unit="week", monetary_value=m, covariates=web)
    fit = GammaGamma.fit(data, spend="web")
    mixed = spend_distribution(data, fit).table
    own = np.zeros(len(mixed))
    for each in (0, 1):
        some = data.take(np.flatnonzero((web["web"] == each) & (x > 0.0)))
        model = fit.model.at(web=each)
        low = mixed["low"].to_numpy()
        for k in some.frequency:
            ends = np.append(stats.betaprime.cdf(low * k / model.v, model.p * k, model.q), 1.0)
            own += np.diff(ends)
    assert mixed["expected"].to_numpy() == pytest.approx(own)


def test_spend_errors() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    nobody = Customers.from_arrays([0.0], [0.0], [3.0], unit="week", monetary_value=[0.0])
    with pytest.raises(DataError, match="Nobody"):
        spend_distribution(nobody, model)
    with pytest.raises(DataError, match="spend model"):
        spend_distribution(nobody, PAPER)
    with pytest.raises(DataError, match="monetary_value"):
        spend_distribution(clv.BGNBD(0.5, 5.0, 0.8, 2.4).simulate(9, 9.0, seed=1), model)
    paid = Customers.from_arrays([2.0], [1.0], [3.0], unit="week", monetary_value=[20.0])
    for bins in (0, -3, 1.5, True):
        with pytest.raises(ParameterError, match="`bins` is a whole number"):
            spend_distribution(paid, model, bins=bins)


def test_ages_of_matrices() -> None:
    for age, words in ((-1, "`age` is zero or longer"), (math.inf, "finite age")):
        with pytest.raises(ParameterError, match=words):
            p_alive_matrix(PAPER, age=age, unit="week")
    whole = p_alive_matrix(BGBB(1.2, 0.75, 0.66, 2.78), age=6, unit="year")
    assert whole.grid.columns.tolist() == list(range(7))  # one purchase a period
    assert whole.grid.notna().any().all()
