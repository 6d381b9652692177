"""The verdict of a comparison, and what endangers it, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clvmodels.experiments.membership import Membership
from clvmodels.experiments.outcomes import CUT, Outcome, Predictions
from clvmodels.experiments.predicted import ArmModels
from clvmodels.experiments.randomisation import time_apart
from clvmodels.experiments.tables import headline
from clvmodels.experiments.trial import Trial
from clvmodels.frames.calendar import as_date
from clvmodels.markup import number
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["notes", "verdicts", "warnings_of"]

_MISMATCH: Final = 0.001  # as is usual for sizes: with many tests, 0.05 cries wolf
_UNBALANCED: Final = 0.01
_APART: Final = 0.05  # relative difference of times observed that makes means unfair
_ONE: Final = 0.2  # share of the variance that a single customer may have


def verdicts(
    table: pd.DataFrame, power: pd.DataFrame, trial: Trial, level: float, target: float
) -> tuple[str, ...]:
    """Return one sentence an arm: is it better, by how much, and what could have been seen."""
    several = len(trial.arms) > 2
    doubt = trial.membership is not None and trial.membership.by_buying
    words = []
    for arm in trial.arms[1:]:
        place = headline(table, arm)
        row, reach = table.iloc[place], power.iloc[place]
        words.append(_verdict(row, reach, trial, level, target, several=several))
        if row["quantity"].startswith("lifetime"):
            words[-1] += _observed(table, row)
        if doubt:
            words[-1] += " But whoever has an arm has bought: see the first warning."
    return tuple(words)


def _verdict(
    row: pd.Series[Any],
    reach: pd.Series[Any],
    trial: Trial,
    level: float,
    target: float,
    *,
    several: bool,
) -> str:
    size = "" if math.isnan(row["relative"]) else f", {row['relative']:+.1%}"
    facts = (
        f"{row['arm']} against {trial.arms[0]}: {row['quantity']} per customer "
        f"{number(row['mean'])} against {number(row['control_mean'])}, "
        f"{_signed(row['difference'])}{size} ({level:.0%} interval {_signed(row['lower'])} to "
        f"{_signed(row['upper'])}, {row['method']}); probability that it is better "
        f"{row['probability_better']:.1%}"
    )
    clear = row["p_holm"] < 1.0 - level
    if clear:
        how = "higher" if row["difference"] > 0.0 else "lower"
        return f"{facts}. It is {how}" + (", also given all arms." if several else ".")
    return (
        f"{facts}. Not distinguishable: the comparison had a chance of {target:.0%} to show "
        f"a difference of {number(reach['detectable'], 3)} or more."
    )


def _observed(table: pd.DataFrame, row: pd.Series[Any]) -> str:
    """Say what was observed, which no model can change."""
    quantity = row["quantity"].replace("lifetime", "observed")
    own = table[(table["arm"] == row["arm"]) & (table["quantity"] == quantity)]
    alike = own[own["method"] == row["method"]]
    seen = alike.iloc[0] if len(alike) else own.iloc[0]
    return (
        f" In what was observed alone: {_signed(seen['difference'])} "
        f"({_signed(seen['lower'])} to {_signed(seen['upper'])})."
    )


def _signed(value: float) -> str:
    return ("+" if value >= 0.0 else "-") + number(abs(value))


def warnings_of(
    trial: Trial,
    tests: pd.DataFrame,
    balance: pd.DataFrame,
    found: list[Outcome],
    ahead: Predictions,
    table: pd.DataFrame,
    *,
    unit: TimeUnit,
    planned: bool,
    level: float,
) -> tuple[str, ...]:
    """Return what endangers the comparison."""
    return (
        *_of_membership(trial.membership),
        *_of_customers(trial),
        *_of_chance(trial, tests, balance, planned),
        *_of_time(trial, unit),
        *_of_models(trial, ahead),
        *_of_tails(trial, found, table, level),
    )


def _of_membership(found: Membership | None) -> list[str]:
    """Warn where only those who bought in the test are in an arm."""
    if found is None or not found.by_buying:
        return []
    return [
        "Whoever has an arm has bought: the arms are known from orders in the test "
        f"({found.bought:.0%} of the {found.inside:,} customers with an arm bought in it, and "
        f"{found.bought_outside:.0%} of the {found.outside:,} without; {found.late:.0%} have "
        "their arm on no order up to the start). The means are those of buyers, and no difference "
        "can be trusted. Give the arm of everybody who was assigned, on all of their orders."
    ]


def _of_customers(trial: Trial) -> list[str]:
    several, none, alone = (
        trial.left_out.get(each, 0) for each in ("in several arms", "in no arm", "alone in an arm")
    )
    words = []
    if several:
        words.append(
            f"{several:,} customers are in several arms and left out. If that depends on what they "
            "did, what is left is no longer random: find out how they came into both."
        )
    if none:
        words.append(f"{none:,} customers are in no arm and left out.")
    if alone:
        words.append(f"{alone:,} arms have a single customer and are left out.")
    return words


def _of_chance(
    trial: Trial, tests: pd.DataFrame, balance: pd.DataFrame, planned: bool
) -> list[str]:
    words = []
    if trial.design == "before and after":
        words.append(
            "Nothing was random here: season, trend, and who came when may explain the difference. "
            f"The customers from before spent {trial.overlap:.0%} of their time after the date."
        )
    if trial.from_log_start:
        words.append(
            "The first customers of the log are among those from before. They may have bought "
            "earlier: if the log does not begin with the shop, pass a longer `window`, or a date "
            "farther from its beginning."
        )
    for row in tests.to_dict("records"):
        if row["test"] == "sizes" and row["p_value"] < _MISMATCH:
            sizes = np.bincount(trial.arm)
            counts = ", ".join(f"{a} {n:,}" for a, n in zip(trial.arms, sizes, strict=True))
            shares = "the planned" if planned else "equal"
            words.append(
                f"The arms do not have {shares} shares ({_p(row['p_value'])}): {counts}. "
                + (
                    "Look for what lost or added customers; until then trust no difference."
                    if planned
                    else "If others were planned, pass `planned`; if nothing was drawn by lot, "
                    "this is no experiment."
                )
            )
        if row["test"] == "balance" and row["p_value"] < _UNBALANCED:
            own = balance[(balance["arm"] == row["arm"]) & (balance["trait"] != "time observed")]
            worst = own.loc[own["standardised"].abs().idxmax()]
            words.append(
                f"{row['arm']} and {trial.arms[0]} already differed before the start "
                f"({_p(row['p_value'])}), most in {worst['trait']}: {number(worst['mean'], 3)} "
                f"against {number(worst['control_mean'], 3)}. Chance alone does not do that."
            )
    if trial.design == "from the first purchase":
        words += _of_starts(trial)
    return words


def _p(value: float) -> str:
    return f"p = {value:.1g}" if value > 1e-15 else "p < 1e-15"


def _of_starts(trial: Trial) -> list[str]:
    """Warn of arms that began at other times, as all that can be checked of new customers."""
    spans = [trial.started[trial.of(k)] for k in range(len(trial.arms))]
    lasts = [int(each.max()) for each in spans]
    firsts = [int(each.min()) for each in spans]
    length = max(lasts) - min(firsts) + 1
    off = max(max(firsts) - min(firsts), max(lasts) - min(lasts))
    if off <= 0.1 * length:
        return []
    named = "; ".join(
        f"{arm} {as_date(a)} to {as_date(b)}"
        for arm, a, b in zip(trial.arms, firsts, lasts, strict=True)
    )
    return [f"The arms took in customers at different times ({named}): season may differ."]


def _of_time(trial: Trial, unit: TimeUnit) -> list[str]:
    words = []
    apart = time_apart(trial)
    if abs(apart) > _APART:
        words.append(
            f"The arms were not observed for the same time (up to {apart:+.0%} of the control's). "
            "What was observed is no fair comparison, and the predicted part makes up for it only "
            "if the model is right: pass `window` to observe all for the same time."
        )
    usual = float(np.median(trial.observed))
    if trial.gap > usual:
        words.append(
            f"The window ({usual:.3g} {unit}s) is shorter than the usual time between "
            f"two purchases ({trial.gap:.3g} {unit}s): few customers had time to show an effect."
        )
    return words


def _of_models(trial: Trial, ahead: Predictions) -> list[str]:
    words = []
    for arm, models in zip(trial.arms, ahead.models, strict=True):
        if models is None:
            continue
        if models.purchases is None:
            words.append(
                f"Nothing is predicted for {arm}: {models.problem}. "
                + (
                    "So there is no predicted difference at all; what was observed is compared."
                    if arm == trial.arms[0]
                    else "What was observed is compared."
                )
            )
        words += [f"{arm}: {each}" for each in _doubts(models)]
    return words


def _doubts(models: ArmModels) -> tuple[str, ...]:
    return models.notes


def _of_tails(trial: Trial, found: list[Outcome], table: pd.DataFrame, level: float) -> list[str]:
    """Warn where a difference hangs on few customers."""
    words = []
    outcome = found[-1]
    for k in outcome.arms:
        rows = outcome.rows[trial.of(k)]
        away = (rows - rows.mean()) ** 2
        if away.sum() > 0.0 and away.max() > _ONE * away.sum():
            words.append(
                f"One customer has {away.max() / away.sum():.0%} of the variance of "
                f"{outcome.quantity} in {trial.arms[k]}: means say little there."
            )
    values = table[table["quantity"] == "observed value"]
    for arm in trial.arms[1:]:
        own = values[values["arm"] == arm].set_index("method")
        if "winsorised" not in own.index:
            continue
        clear = own["p_holm"] < 1.0 - level
        if clear["plain"] != clear["winsorised"]:
            words.append(
                f"Whether {arm} differs in observed value hangs on the largest customers: with "
                f"values above the {CUT:.0%} quantile moved to it the difference is "
                f"{_signed(own['difference']['winsorised'])} in place of "
                f"{_signed(own['difference']['plain'])}."
            )
    return words


def notes(trial: Trial, table: pd.DataFrame, basis: str) -> tuple[str, ...]:
    """Return what to know when reading the tables."""
    words = []
    for arm in trial.arms[1:]:
        own = table[(table["arm"] == arm) & (table["method"] == "plain")]
        parts = {row["quantity"].split()[0]: row for row in own.to_dict("records")}
        if "lifetime" in parts:
            whole, ahead = parts["lifetime"], parts["predicted"]
            words.append(
                f"Of the difference of {_signed(whole['difference'])} ({arm}, plain), "
                f"{_signed(ahead['difference'])} rests on the models alone, and so does "
                f"{ahead['mean'] / whole['mean']:.0%} of the mean."
            )
    if not trial.remaining.any():
        words.append("The window covers the whole horizon: nothing is predicted.")
    elif trial.design == "from a date":
        words.append(
            "The fits see the time before the start, too, in which the arms were alike: the longer "
            "it was, the less of a difference that began with the start reaches the predicted "
            "part. That it lasts at all is assumed."
        )
    words += _of_adjusting(trial, table, basis)
    came = sum(each.customers for each in trial.newcomers)
    if came:
        words.append(f"{came:,} customers came after the start; they are not compared.")
    return tuple(words)


def _of_adjusting(trial: Trial, table: pd.DataFrame, basis: str) -> list[str]:
    """Say what arms were adjusted for, and which were not."""
    done = set(table.loc[table["method"] == "adjusted", "arm"])
    if not done:
        return []
    small = [arm for arm in trial.arms[1:] if arm not in done]
    words = [f"Adjusted for {basis}."]
    if small:
        words.append(f"Too few customers to adjust: {', '.join(small)}.")
    return words
