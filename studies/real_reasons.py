"""Why intervals fall short on real logs: each possible reason with a number of its own."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

import clvmodels as clv
from studies.coverage import LEVEL
from studies.real_logs import Log, happened

Array: TypeAlias = NDArray[np.float64]


def months(log: Log, fit: Any) -> pd.DataFrame:
    """Return expected and actual purchases and value month by month after the cut."""
    rows, before = [], np.zeros(4)
    for end in log.ends:
        split = log.split(end)
        count, worth = happened(split)
        expected = fit.expected_purchases(split.calibration, split.horizon)
        money = expected * log.spend.expected_spend(split.calibration)
        until = np.array([expected.sum(), count.sum(), money.sum(), worth.sum()])
        rows.append((end, *(until - before)))
        before = until
    names = ["until", "expected", "actual", "expected_value", "value"]
    return pd.DataFrame(rows, columns=names)


def spend_given_purchases(log: Log, model: clv.GammaGamma) -> pd.DataFrame:
    """Return how well money is foretold where the number of purchases is known, by frequency.

    Given n purchases the sum S has S / (S + c) ~ Beta(p n, q + p x), with c = v + x m.
    """
    people = log.whole.calibration.customers()
    count, worth = log.actual
    x, m = people.spend
    c = model.v + x * np.where(x > 0.0, m, 0.0)
    kept = (count > 0.0) & (worth > 0.0)
    pit = special.betainc(model.p * count, model.q + model.p * x, worth / (worth + c))
    expected = model.expected_spend(people)
    rows = []
    for label, low, high in (("0", 0, 0), ("1-2", 1, 2), ("3-9", 3, 9), ("10+", 10, np.inf)):
        group = kept & (x >= low) & (x <= high)
        tail = (1.0 - LEVEL) / 2.0
        rows.append(
            {
                "frequency": label,
                "buyers": int(group.sum()),
                "actual_over_expected": worth[group].sum() / (expected * count)[group].sum(),
                "covered": np.mean((pit[group] >= tail) & (pit[group] <= 1.0 - tail)),
                "below": np.mean(pit[group] < tail),
                "above": np.mean(pit[group] > 1.0 - tail),
            }
        )
    return pd.DataFrame(rows)


def as_varied_as_single_purchases(log: Log) -> clv.GammaGamma:
    """Return Gamma-Gamma with the p of single purchases, q and v as likely as it allows."""
    p = spread_within(log)["within"]
    people = log.whole.calibration.patterns(("frequency", "monetary_value"))
    people = people.take((people.frequency > 0.0) & (people.monetary_value > 0.0))

    def loss(z: Array) -> float:
        return -float(people.weight @ clv.GammaGamma(p, *np.exp(z)).log_likelihood(people))

    start = np.log(log.spend.model.values[1:])
    return clv.GammaGamma(p, *np.exp(optimize.minimize(loss, start, method="Nelder-Mead").x))


def spread_within(log: Log) -> dict[str, float]:
    """Return p of Gamma-Gamma as fitted, and as single repeat purchases before the cut have it.

    Gamma-Gamma sees means alone. Of x gammas of shape p the variance over the squared mean has the
    expectation x / (p x + 1), which gives the p of what customers do from one purchase to the next.
    """
    paid = log.occasions()
    repeat = paid[paid.groupby("customer").cumcount() > 0]
    each = repeat.groupby("customer").amount.agg(["size", "mean", "var"])
    each = each[(each["size"] > 1) & (each["mean"] > 0.0)]
    x, ratio = each["size"].to_numpy(float), (each["var"] / each["mean"] ** 2).sum()
    within = optimize.brentq(lambda p: float((x / (p * x + 1.0)).sum() - ratio), 1e-3, 1e3)
    return {"fitted": log.spend.model.p, "within": within, "customers": len(each)}


def spend_by_frequency(log: Log) -> pd.DataFrame:
    """Return the coverage of money given purchases, as fitted and as single purchases vary."""
    table = spend_given_purchases(log, log.spend.model)
    wider = spend_given_purchases(log, as_varied_as_single_purchases(log))
    return table.assign(covered_within=wider.covered)


def facts(log: Log, fits: dict[str, Any]) -> pd.DataFrame:
    """Return single numbers: what the log is like, and what the fits make of it."""
    orders = log.occasions()
    regular = clv.check_regularity(orders, customer="customer", date="day")
    related = clv.GammaGamma.check_independence(log.whole.calibration)
    p = spread_within(log)
    rows = [
        ("k of times between purchases", regular.k, *regular.k_interval),
        ("correlation of frequency and spend", related.correlation, related.lower, related.upper),
        ("p of Gamma-Gamma", p["fitted"], np.nan, np.nan),
        ("p within customers", p["within"], np.nan, np.nan),
    ]
    people, made = log.whole.calibration.customers(), log.actual[0]
    expected = next(iter(fits.values())).expected_purchases(people, log.whole.horizon)
    for words, kept in (("all", made >= 0.0), ("frequency 1", people.frequency == 1.0)):
        ratio = made[kept].sum() / expected[kept].sum()
        rows.append((f"actual over expected purchases, {words}", ratio, np.nan, np.nan))
    for name, fit in fits.items():
        alive = float(fit.p_alive(log.whole.calibration).mean())
        rows.append((f"{name}: P(alive) in the mean", alive, np.nan, np.nan))
        rows.append((f"{name}: {fit.certificate.verdict}", fit.log_likelihood, np.nan, np.nan))
    return pd.DataFrame(rows, columns=["what", "number", "lower", "upper"])
