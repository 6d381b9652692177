"""The parts of segments by themselves: thresholds, tiers, scores, contacts, reasons."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.segmentation.reactivation import chosen, read_contact
from clvmodels.segmentation.reasons import Known, reasons_of
from clvmodels.segmentation.rfm_cells import RFM_NAMES, check_map, score
from clvmodels.segmentation.states import STATES, states_of
from clvmodels.segmentation.tiers import read_tiers, steady

LIMITS = (np.linspace(0.005, 0.995, 100),)


@pytest.mark.parametrize(
    "costs", [clv.StateCosts(), clv.StateCosts(2.0, 7.0, 3.0, 4.0), clv.StateCosts(given_up=99.0)]
)
def test_limits_cost_least(costs: clv.StateCosts):
    p = LIMITS[0]
    # Expected cost of treating somebody as a customer, or not; of an offer, or none.
    treat, give_up = (1.0 - p) * costs.wasted, p * costs.given_up
    offer, none = p * costs.needless, (1.0 - p) * costs.missed
    names = np.array(STATES)[states_of(p, np.zeros(len(p), dtype=bool), costs)]
    assert ((names == "lost") == (give_up < treat)).all()
    assert ((names == "active") == ((offer >= none) & (give_up >= treat))).all()


def test_costs_that_make_no_order_are_refused():
    with pytest.raises(clv.ParameterError, match="at risk before they are lost"):
        clv.StateCosts(wasted=1.0, given_up=1.0, needless=9.0, missed=1.0)
    with pytest.raises(clv.ParameterError, match="wasted 0"):
        clv.StateCosts(wasted=0.0)


def test_tiers_do_not_depend_on_order_and_share_ties():
    rng = np.random.default_rng(1)
    values = rng.choice([0.0, 1.0, 2.5, 40.0], 500, p=[0.5, 0.3, 0.15, 0.05])
    tiers = read_tiers({"a": 0.1, "b": 0.2, "c": 0.7}, None)
    found = tiers.of(values)
    turned = rng.permutation(500)
    assert (tiers.of(values[turned]) == found[turned]).all()
    for value, tier in zip(values, found, strict=True):
        above = float((values > value).mean())
        assert tier == (0 if above < 0.1 else 1 if above < 0.3 else 2)
    noise = values * (1.0 + 1e-15)  # as another engine may have it
    assert (tiers.of(noise) == found).all()
    tenths = read_tiers(10, None).of(np.arange(200.0))
    assert np.bincount(tenths).tolist() == [20] * 10
    cut = read_tiers(3, {"gold": 40.0, "silver": 1.0, "rest": 0.0})
    assert cut.of(np.array([40.0, 39.9, 1.0, 0.0, -3.0])).tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("tiers", [{"a": 0.5, "b": 0.4}, {"a": 1.2, "b": -0.2}, 0, True, "ten", {}])
def test_tiers_that_are_none_are_refused(tiers: Any):
    with pytest.raises(clv.ParameterError, match="tiers"):
        read_tiers(tiers, None)
    with pytest.raises(clv.ParameterError, match="falling"):
        read_tiers(10, {"a": 1.0, "b": 2.0})


def test_scores_are_fifths_and_share_ties():
    values = np.array([3.0, 1.0, 1.0, 1.0, 2.0, 9.0, 9.0, 5.0, 4.0, 7.0])
    for value, found in zip(values, score(values), strict=True):
        assert found == 1 + int(5 * (values < value).sum() / 10 + 1e-9)
    assert set(score(np.random.default_rng(0).normal(size=1000))) == {1, 2, 3, 4, 5}


def test_every_cell_has_a_name():
    cells = {f"{r}{f}" for r, f in itertools.product(range(1, 6), repeat=2)}
    assert set(RFM_NAMES) == cells
    assert len(set(RFM_NAMES.values())) == 11
    assert check_map({"51": "welcome"})["51"] == "welcome"
    with pytest.raises(clv.ParameterError, match="'61'"):
        check_map({"61": "x"})


def test_contacts_are_the_best_that_a_budget_buys():
    rng = np.random.default_rng(2)
    stake, cost = rng.gamma(1.0, 30.0, 60).round(2), rng.choice([1.0, 2.0, 5.0], 60)
    state = rng.integers(0, 4, 60)
    rates = {"slipping": 0.2, "at risk": 0.1, "lost": 0.05}
    contact = read_contact(rates, 0.0, None)
    rows, gain = chosen(stake, state, cost, contact)
    by_hand = {i: rates[STATES[state[i]]] * stake[i] - cost[i] for i in range(60) if state[i] != 0}
    by_hand = {i: each for i, each in by_hand.items() if each > 0.0}
    assert sorted(rows.tolist()) == sorted(by_hand)
    assert gain.tolist() == sorted(by_hand.values(), reverse=True)
    limited, _ = chosen(stake, state, cost, read_contact(rates, 0.0, 6.0))
    assert cost[limited].sum() <= 6.0
    worst = min(by_hand[i] / cost[i] for i in limited)
    left = [by_hand[i] / cost[i] for i in by_hand if i not in limited.tolist()]
    assert worst >= max(left)
    same = np.ones(60)
    few, gains = chosen(stake, state, same, read_contact(rates, 1.0, 4.0))
    every, all_gains = chosen(stake, state, same, read_contact(rates, 1.0, None))
    assert few.tolist() == every.tolist()[:4]
    assert gains.tolist() == all_gains.tolist()[:4]
    with pytest.raises(clv.ParameterError, match="gone"):
        read_contact({"gone": 0.1}, 0.0, None)
    with pytest.raises(clv.ParameterError, match="between 0 and 1"):
        read_contact(5, 0.0, None)


def test_reasons_say_the_numbers():
    nobody = np.zeros(5, dtype=bool)
    known = Known(
        frequency=np.array([0.0, 4.0, 1.0, 1.0, 1.0]),
        recency=np.array([0.0, 20.0, 3.0, 3.0, 3.0]),
        age=np.array([2.0, 36.0, 40.0, 40.0, 40.0]),
        p_alive=np.array([1.0, 0.4, 0.9, 0.9, 0.9]),
        p_before=np.array([1.0, 0.85, 0.95, 0.95, 0.95]),
        unusual=nobody | (np.arange(5) == 1),
        best=nobody | (np.arange(5) == 1),
        best_share=0.1,
        mean_order=np.array([np.nan, 10.0, 10.0, 10.0, 170.0]),
        largest_share=None,
        unit="week",
    )
    assert reasons_of(known) == [
        "new: first order within 30 days; bought once",
        "top 10% of value; silent 3.2x the usual gap; silence unusual for this customer; "
        "P(alive) 40%, after the last order 85%",
        "",
        "",
        "value rests on one repeat order, 3.4x the mean",  # 170 / 50
    ]


def test_rounding_keeps_ten_digits():
    values = np.array([0.1 + 0.2, 1e-30, -7.0, 0.0, 123456.7890123])
    assert steady(values).tolist() == [0.3, 1e-30, -7.0, 0.0, 123456.789]
