"""Histories that break a rule are refused with the rule, the rows and the next step."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from clvmodels import BGNBD, ClvError, Customers, DataError, GammaGamma, MissingColumnError
from clvmodels.errors import DataWarning

GOOD: dict[str, Any] = {
    "frequency": [0, 2, 1],
    "recency": [0.0, 8.0, 3.0],
    "age": [9.0, 9.0, 3.0],
    "monetary_value": [np.nan, 10.0, 5.0],
    "weight": [1, 2, 3],
}


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("frequency", [0, 3.5, 1], r"whole number.*1 rows.*row 1: 3\.5"),
        ("frequency", [0, -2, 1], "row 1: -2"),
        ("frequency", [0, np.nan, 1], "never missing"),
        ("frequency", [0, 1e9, 1], "ten million"),
        ("recency", [0.0, 9.5, 3.0], r"at most `age`.*row 1: 9\.5.*from the first purchase"),
        ("recency", [0.0, -1.0, 3.0], "zero or more.*row 1: -1"),
        ("recency", [1.0, 8.0, 3.0], "0 where `frequency` is 0.*row 0: 1"),
        ("recency", [0.0, 0.0, 3.0], "above 0 where `frequency` is above 0"),
        ("recency", [0.0, np.nan, 3.0], r"never missing.*recency.*row 1: nan"),
        ("age", [-1.0, 9.0, 3.0], r"`age` \(T\) is zero or more.*row 0: -1"),
        ("age", [np.inf, 9.0, 3.0], "never missing or infinite"),
        ("age", [9.0, 9.0], r"shape \(3,\).*Got shape \(2,\)"),
        ("age", ["a", "b", "c"], "holds numbers"),
        ("monetary_value", [0.0, -5.0, 5.0], "zero or more, where frequency.*row 1: -5"),
        ("monetary_value", [0.0, np.nan, 5.0], "finite amount.*row 1: nan"),
        ("monetary_value", [0.0, np.inf, 5.0], "finite amount.*row 1: inf"),
        ("monetary_value", [1.0], "shape"),
        ("weight", [1, 0, 1], "above zero"),
    ],
)
def test_rules(column: str, values: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        Customers.from_arrays(**{**GOOD, column: values}, unit="week")
    assert isinstance(caught.value, ValueError)
    assert caught.value.rule


def test_good_histories_are_copied_and_read_only() -> None:
    mine = np.array(GOOD["recency"])
    c = Customers.from_arrays(**{**GOOD, "recency": mine}, unit="week")
    mine[1] = 1.0
    assert c.timing[1].tolist() == [0.0, 8.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        c.timing[1][0] = 5.0
    assert c.n_customers == 6.0


def test_spend_of_customers_without_repeat_is_missing() -> None:
    c = Customers.from_arrays([0, 1], unit=None, monetary_value=[0.0, 4.0])
    assert np.isnan(c.spend[1][0])


def test_a_purchase_on_the_last_day_is_no_repeat() -> None:
    c = Customers.from_arrays([0], [0.0], [0.0], unit="day")
    assert BGNBD(0.24, 4.4, 0.8, 2.4).p_alive(c)[0] == 1.0


def test_rounded_recency_may_touch_age() -> None:
    c = Customers.from_arrays([1], [3.0000000001], [3.0], unit="week")
    assert c.timing[1][0] == 3.0


def test_models_say_what_they_miss() -> None:
    spend_only = Customers.from_arrays([1], unit=None, monetary_value=[3.0])
    times_only = Customers.from_arrays([1], [2.0], [3.0], unit="week")
    with pytest.raises(DataError, match="recency and age"):
        BGNBD(0.24, 4.4, 0.8, 2.4).p_alive(spend_only)
    with pytest.raises(DataError, match="needs frequency, recency, T"):
        BGNBD.fit(spend_only)
    with pytest.raises(DataError, match="mean value of repeat purchases"):
        GammaGamma(6.0, 4.0, 15.0).expected_spend(times_only)
    with pytest.raises(
        DataError, match=r"takes a CustomerSummary or Customers.*Got builtins\.list"
    ):
        BGNBD.fit([1, 2])
    with pytest.raises(DataError, match="come together"):
        Customers.from_arrays([1], [2.0], unit="week")


def test_worthless_purchases_stay_out_of_the_spend_fit() -> None:
    rng = np.random.default_rng(0)
    bare = Customers.from_arrays(1.0 + rng.poisson(2.0, 500), unit=None)
    c = GammaGamma(6.0, 4.0, 15.0).simulate(bare, seed=1)
    x, m = c.spend
    with_zero = Customers.from_arrays(np.append(x, 2), unit=None, monetary_value=np.append(m, 0.0))
    with pytest.warns(DataWarning, match="1 customer whose repeat purchases"):
        fit = GammaGamma.fit(with_zero)
    assert fit.n_customers == 500


def test_errors_travel_between_processes() -> None:
    error = MissingColumnError("The rule.", place="Here.", fix="Do this.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is MissingColumnError
    assert str(again) == "The rule. Here. Do this."
    assert again.fix == "Do this."
    assert isinstance(again, KeyError)
    assert isinstance(again, ClvError)
