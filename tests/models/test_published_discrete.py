"""Models of whole opportunities against the tables of their papers."""

from __future__ import annotations

import math
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.bdw import BDW
from clvmodels.models.bgbb import BGBB
from clvmodels.models.sbg import SBG

# Of 1,000 customers, those still there after each renewal (Fader and Hardie 2007, table 1).
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
LATER = {"regular": [22.3, 20.7, 19.4, 18.3, 17.3], "high end": [46.8, 44.5, 42.7, 40.9, 39.4]}


def cohort(active: list[int]) -> Customers:
    return Customers.from_renewals(active, unit="year")


@pytest.mark.parametrize(
    ("active", "alpha", "beta", "log_likelihood", "digits"),
    [(REGULAR, 0.7041, 1.1820, -1680.2652, 4), (HIGH_END, 0.668, 3.806, -1611.158, 3)],
)
def test_sbg(active, alpha, beta, log_likelihood, digits):
    fit = SBG.fit(cohort(active))
    assert round(fit.model.alpha, digits) == alpha
    assert round(fit.model.beta, digits) == beta
    assert round(fit.log_likelihood, digits) == log_likelihood
    assert fit.certificate.verdict == "identified"


@pytest.mark.parametrize(
    ("active", "estimates", "log_likelihood"),
    [
        (REGULAR, (0.5231, 0.8944, 1.1963), -1401.383),
        (HIGH_END, (0.2593, 1.7225, 1.5844), -1222.749),
    ],
)
def test_bdw_of_five_years(active, estimates, log_likelihood):
    """Four renewals; the paper's estimates were found to about 1e-4, as its likelihoods show."""
    fit = BDW.fit(cohort(active[:5]))
    assert fit.model.values == pytest.approx(estimates, abs=1.5e-4)
    assert round(fit.log_likelihood, 3) == log_likelihood
    published = BDW(*estimates).log_likelihood(cohort(active[:5])) @ cohort(active[:5]).weight
    assert 0.0 <= fit.log_likelihood - published < 1e-4


def test_projections():
    """Both papers' point: the models project retention where curves fitted to it do not."""
    for active, name in ((REGULAR, "regular"), (HIGH_END, "high end")):
        known = np.array(LATER[name])
        for model in (SBG.fit(cohort(active)).model, BDW.fit(cohort(active)).model):
            projected = 100.0 * model.survival(range(8, 13))
            assert np.abs(projected - known).max() < 2.0


def test_bdw_at_one_is_sbg():
    customers = cohort(HIGH_END)
    sbg, bdw = SBG(0.668, 3.806), BDW(0.668, 3.806, 1.0)
    assert (sbg.log_likelihood(customers) == bdw.log_likelihood(customers)).all()
    active = customers.take(customers.frequency == customers.timing[2])
    for horizon, rate in ((7.0, 0.0), (math.inf, 0.1), (40.0, 0.02)):
        assert sbg.discounted_purchases(active, horizon, rate) == pytest.approx(
            bdw.discounted_purchases(active, horizon, rate), rel=1e-14
        )
    ours, theirs = sbg.derivatives(customers), bdw.derivatives(customers)
    for i in range(2):
        assert ours.gradient[i] == pytest.approx(theirs.gradient[i], rel=1e-13)


def test_derl():
    """Fader and Hardie (2010): the next renewal of a customer who has renewed n - 1 times is due.

    DERL = (b+n-1)/(a+b+n-1) 2F1(1, b+n; a+b+n; 1/(1+d)).
    """
    a, b, d = 3.80, 15.19, 0.10
    rate = math.log1p(d)
    for n in (1, 2, 3, 4, 5, 50):
        exact = (b + n - 1) / (a + b + n - 1) * mp.hyp2f1(1, b + n, a + b + n, 1 / (1 + mp.mpf(d)))
        customer = Customers.from_arrays([n - 1], [n - 1], [n - 1], unit="year")
        found = math.exp(rate) * SBG(a, b).discounted_purchases(customer, math.inf, rate)[0]
        assert found == pytest.approx(float(exact), rel=1e-12)


# --- BG/BB ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def donors() -> Customers:
    """The 1995 cohort of 11,104 donors, as the package lifetimes ships it."""
    import pandas as pd

    try:
        files = distribution("lifetimes").files or []
    except PackageNotFoundError:
        files = []
    found = [file.locate() for file in files if file.name == "donations.csv"]
    if not found:
        pytest.skip("needs the package lifetimes, for its table of donors")
    table = pd.read_csv(str(found[0]))
    assert (len(table), table.weights.sum()) == (22, 11_104)
    return Customers.from_arrays(
        table.frequency, table.recency, table.periods, weight=table.weights, unit="year"
    )


def test_bgbb(donors: Customers):
    fit = BGBB.fit(donors)
    assert fit.model.values.round(3).tolist() == [1.204, 0.750, 0.657, 2.783]
    assert round(fit.log_likelihood, 1) == -33225.6
    assert fit.certificate.verdict == "identified"
    buyers = Customers.from_arrays([0, 6], [0, 6], [6, 6], unit="year")
    assert fit.expected_purchases(buyers, 5.0).round(2).tolist() == [0.07, 3.75]
    # The paper's P(alive) is at the next opportunity.
    next_one = (fit.model.delta + 6.0) / (fit.model.gamma + fit.model.delta + 6.0)
    assert (fit.p_alive(buyers) * next_one).round(2).tolist() == [0.11, 0.93]


def papers_terms(model: BGBB, x: int, t_x: int, n: int) -> tuple[mp.mpf, mp.mpf]:
    """The two parts of eq. 5: still there, and gone."""
    a, b, c, d = map(mp.mpf, model.values)
    there = mp.beta(a + x, b + n - x) / mp.beta(a, b) * mp.beta(c, d + n) / mp.beta(c, d)
    gone = mp.fsum(
        mp.beta(a + x, b + t_x - x + i)
        / mp.beta(a, b)
        * mp.beta(c + 1, d + t_x + i)
        / mp.beta(c, d)
        for i in range(n - t_x)
    )
    return there, gone


@pytest.mark.parametrize("history", [(0, 0, 6), (3, 5, 6), (6, 6, 6), (4, 9, 40)])
def test_equations_of_the_paper(history: tuple[int, int, int]):
    """Equations 13-14 (expected purchases) and 15 (DERT), which the library does not use."""
    model, (x, t_x, n) = BGBB(1.204, 0.750, 0.657, 2.783), history
    customer = Customers.from_arrays([x], [t_x], [n], unit="year")
    with mp.workdps(30):
        a, b, c, d = map(mp.mpf, model.values)
        there, gone = papers_terms(model, x, t_x, n)
        assert model.log_likelihood(customer)[0] == pytest.approx(
            float(mp.log(there + gone)), rel=1e-13
        )
        share = mp.beta(a + x + 1, b + n - x) / mp.beta(a, b) / (there + gone)
        for periods in (1, 5, 100):
            more = mp.rf(d, n + 1) / mp.rf(c + d, n)
            later = mp.gamma(c + d) / mp.gamma(d) * mp.gamma(1 + d + n + periods)
            later /= mp.gamma(c + d + n + periods)
            exact = share / (c - 1) * (more - later)
            found = model.expected_purchases(customer, periods)[0]
            assert found == pytest.approx(float(exact), rel=1e-12)
        rate = 0.10
        tail = mp.hyp2f1(1, d + n + 1, c + d + n + 1, 1 / (1 + mp.mpf(rate)))
        exact = share * mp.beta(c, d + n + 1) / mp.beta(c, d) / (1 + mp.mpf(rate)) * tail
        found = model.discounted_purchases(customer, math.inf, math.log1p(rate))[0]
        assert found == pytest.approx(float(exact), rel=1e-12)


def test_all_histories_have_probability_one():
    model, total = BGBB(0.3, 1.7, 0.4, 2.0), 0.0
    n = 9
    for t_x in range(n + 1):
        for x in range(min(t_x, 1), t_x + 1):
            customer = Customers.from_arrays([x], [t_x], [n], unit="year")
            ways = math.comb(max(t_x - 1, 0), max(x - 1, 0))
            total += ways * math.exp(float(model.log_likelihood(customer)[0]))
    assert total == pytest.approx(1.0, rel=1e-13)
    assert model.purchase_pmf(range(n + 1), n).sum() == pytest.approx(1.0, rel=1e-13)
    counts: Any = np.arange(n + 1.0)
    mean = float(counts @ model.purchase_pmf(counts, n))
    assert mean == pytest.approx(float(model.mean_purchases(n)), rel=1e-13)
