"""Old fits at a limit of their model: what they do know is tested, and nothing else is claimed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.drifts.difference import Difference
from clvmodels.drifts.impact import Impact
from clvmodels.drifts.known import known_of
from clvmodels.drifts.overlap import between
from clvmodels.drifts.verdict import judged
from clvmodels.drifts.window import WindowLine

pytestmark = pytest.mark.filterwarnings("ignore::clvmodels.errors.IdentifiabilityWarning")

RATE, CUT, END = 0.15, 52.0, 91.0


@dataclass(frozen=True)
class World:
    """All buy at one rate and spend alike; rate and prices may change after the first look."""

    old: clv.CustomerSummary
    new: clv.CustomerSummary


def world(seed: int, faster: float = 1.0, dearer: float = 1.0, n: int = 700) -> World:
    rng = np.random.default_rng([9, seed])
    start = rng.uniform(0.0, 80.0, n)
    leave = rng.beta(0.8, 6.0, n)
    gone = np.cumsum(rng.random((n, 90)) < leave[:, None], axis=1) > 0
    bought = np.hstack([np.ones((n, 1), dtype=bool), ~gone[:, :-1]])  # the last one counts, too
    time = start[:, None] + np.cumsum(rng.exponential(1.0 / RATE, (n, 90)), axis=1)
    # time runs faster after the cut: the same purchases come sooner
    late = np.maximum(start, CUT)[:, None]
    time = np.where(time > late, late + (time - late) / faster, time)
    paid = rng.gamma(4.0, 8.0, (n, 90)) * np.where(time > CUT, dearer, 1.0)
    looks = [_look(start, time, paid, bought, end) for end in (CUT, END)]
    return World(*looks)


def _look(start: Any, time: Any, paid: Any, bought: Any, end: float) -> clv.CustomerSummary:
    some = start <= end
    seen = bought[some] & (time[some] <= end)
    x = seen.sum(axis=1)
    last = np.where(seen, time[some], -np.inf).max(axis=1)
    spent = np.where(seen, paid[some], 0.0).sum(axis=1)
    frame = pl.DataFrame(
        {
            "customer_id": np.flatnonzero(some),
            "frequency": x.astype(float),
            "recency": np.where(x > 0, last - start[some], 0.0),
            "T": end - start[some],
            "monetary_value": [s / k if k else None for s, k in zip(spent, x, strict=True)],
        }
    )
    until = "2024-12-29" if end == CUT else "2025-09-28"  # 39 weeks later
    return clv.CustomerSummary.from_frame(frame, unit="week", observed_until=until)


def change(drift: clv.Drift, quantity: str) -> Impact:
    return next(each for each in drift.impacts if each.quantity.startswith(quantity))


def test_everybody_buys_twice_as_often(tmp_path: Path) -> None:
    seen = world(2, faster=2.0)
    fit = clv.BGNBD.fit(seen.old)
    assert {"r", "alpha"} <= set(fit.certificate.flat)
    drift = clv.drift(fit, seen.new)
    assert drift.verdict == "refit", str(drift)
    assert drift.parts[0].p_value < 1e-20
    assert change(drift, "purchases of a new customer").lower > 0.2
    loaded = clv.drift(clv.load(clv.save(fit, tmp_path / "old.json")), seen.new)
    assert loaded.verdict == "refit"
    assert any("simulated" in note for note in loaded.notes)
    assert not any("simulated" in note for note in drift.notes)
    assert loaded.parts[0].difference.statistic == pytest.approx(
        drift.parts[0].difference.statistic, rel=0.3
    )


@pytest.mark.parametrize("seed", [2, 6, 13])
def test_nothing_changes(seed: int) -> None:
    seen = world(seed)
    old = clv.CLVModel(clv.BGNBD.fit(seen.old), clv.GammaGamma.fit(seen.old))
    drift = clv.drift(old, seen.new)
    assert drift.verdict == "not yet", str(drift)
    assert drift.window[0].inside or not drift.window[0].far


def test_everything_costs_half_as_much_again() -> None:
    seen = world(3, dearer=1.5)
    fit = clv.GammaGamma.fit(seen.old)
    assert set(fit.certificate.flat) == {"q", "v"}
    drift = clv.drift(fit, seen.new)
    assert drift.verdict == "refit", str(drift)
    spend = change(drift, "spend per purchase")
    assert spend.lower > 0.15
    assert spend.upper - spend.lower < 0.25


@pytest.mark.parametrize("loaded", [False, True], ids=["data", "file"])
def test_the_error_of_mean_spend_where_all_spend_alike(loaded: bool, tmp_path: Path) -> None:
    """N purchases that are Gamma(p): the logarithm of their mean has the variance 1 / (p N)."""
    seen = world(3)
    fit = clv.GammaGamma.fit(seen.old)
    if loaded:
        fit = clv.load(clv.save(fit, tmp_path / "old.json"))
    new = seen.new.customers()
    known = known_of(fit, new, between(fit, seen.new, new, "nested"))
    assert known.source == ("simulated" if loaded else "data")
    assert known.root.shape == (3, 2)
    p = float(fit.model.values[0])
    slopes = known.root.T @ np.array([1.0, 0.0, 0.0])  # of ln p v / (q - 1): p, v up and q down
    slopes += known.root.T @ np.array([0.0, -1.0, 1.0])
    wanted = 1.0 / math.sqrt(p * fit.data.repeat_purchases)
    assert np.linalg.norm(slopes) == pytest.approx(wanted, rel=0.05 if loaded else 1e-3)


@pytest.mark.parametrize("seed", [26, 28])
def test_a_direction_without_bound_makes_nothing_certain(seed: int) -> None:
    """Between all leaving alike (old) and not (new) lies a change whose error nobody knows."""
    seen = world(seed)
    fit = clv.BGNBD.fit(seen.old)
    assert {"a", "b"} <= set(fit.certificate.flat)
    drift = clv.drift(fit, seen.new)
    assert drift.parts[0].difference.degrees == 3
    for each in drift.impacts:
        assert not each.certain


# --- words ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What the verdict asks of a part."""

    name: str
    statistic: float
    degrees: int = 1

    @property
    def difference(self) -> Difference:
        return Difference(np.zeros((1, 1)), self.statistic, self.degrees)

    @property
    def p_value(self) -> float:
        return self.difference.p_value


def said(parts: list[Seen], changes: list[Impact], window: list[WindowLine]) -> tuple[str, str]:
    given: Any = tuple(parts)
    verdict, reasons = judged(given, tuple(changes), tuple(window), 0.01, 0.05)
    return verdict, " ".join(reasons)


BUYS = Impact("purchases of a new customer", ("purchases",), 10.0, 12.0, 0.1, 0.3)
PAYS = Impact("spend per purchase", ("spend",), 10.0, 10.1, -0.01, 0.03)
FAR = WindowLine("purchases", 100.0, 90.0, 110.0, 130.0, "totals")
NEAR = WindowLine("purchases", 100.0, 90.0, 110.0, 115.0, "totals")


def test_a_change_whose_interval_leaves_out_zero_is_not_called_chance() -> None:
    verdict, words = said([Seen("purchases", 1.0)], [BUYS], [])
    assert verdict == "not yet"
    assert "may be chance" not in words
    assert "leaves out zero" in words


def test_the_change_of_the_other_part_is_not_named_as_that_of_the_shift() -> None:
    verdict, words = said([Seen("purchases", 1.0), Seen("spend", 50.0)], [BUYS, PAYS], [])
    assert verdict == "not yet"
    assert "It hardly matters: spend per purchase" in words
    assert "Purchases of a new customer +20.0%" in words
    _, words = said([Seen("spend", 50.0)], [], [])
    assert "What the shift of spend changes is not known" in words


@pytest.mark.parametrize("degrees", [0, 1], ids=["no test", "not rejected"])
def test_a_window_far_outside_its_band_asks_for_a_refit(degrees: int) -> None:
    part = Seen("purchases", 1.0, degrees)
    verdict, words = said([part], [], [FAR])
    assert verdict == "refit"
    assert "outside a band of 99.9 %" in words
    assert said([part], [], [NEAR])[0] == "not yet"
    little = WindowLine("purchases", 100.0, 99.0, 101.0, 104.0, "totals")  # certain, and small
    verdict, words = said([part], [], [little])
    assert verdict == "not yet"
    assert "the refit does not explain it" in words
