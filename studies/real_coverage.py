"""Coverage on two real logs: what intervals promise, what they hold, and what the reasons are.

The CDNOW orders, cut at 1997-09-30 with 39 weeks after it, and the first year of Online Retail II,
cut at 2010-08-31 with 14 weeks after it. 90 % intervals of every customer's purchases and value, by
tenths of expected value, and of the totals, printed as they are. Then the reasons, by numbers.
`make coverage` runs this after the simulated worlds; `python -m studies.real_coverage CDNOW` runs
one log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

import clvmodels as clv
from studies import real_reasons
from studies.coverage import LEVEL, RESULTS, Forecast, markdown, merged
from studies.real_logs import LOGS, Log, quiet

Array: TypeAlias = NDArray[np.float64]

TENTHS: Final = 10
ALL: Final = 0
HINDSIGHT: Final = ", total known"
WITHIN: Final = ", spend as varied as single purchases"


@dataclass(frozen=True)
class Case:
    """A log, two fits, and how far ahead they look."""

    log: Log
    name: str
    purchases: Any
    spend: Any
    horizon: float

    def expected(self) -> pd.DataFrame:
        """Return expected purchases and value of every customer."""
        summary = self.log.whole.calibration
        count = self.purchases.expected_purchases(summary, self.horizon)
        each = self.spend.expected_spend(summary)
        return pd.DataFrame({"purchases": count, "value": count * each})

    def distributions(self) -> dict[str, Any]:
        """Return the distributions of every customer's purchases and value."""
        people, look = self.log.whole.calibration, {"horizon": self.horizon}
        return {
            "purchases": clv.purchase_distribution(people, self.purchases, **look),
            "value": clv.value_distribution(people, self.purchases, self.spend, **look),
        }

    def in_hindsight(self) -> Case:
        """Return the case at the horizon at which as many purchases are expected as were made.

        That is what a season does that is the same for all: it makes time go faster.
        """
        summary, made = self.log.whole.calibration, self.log.actual[0].sum()
        horizon = optimize.brentq(
            lambda t: float(self.purchases.expected_purchases(summary, t).sum()) - made,
            0.3 * self.horizon,
            4.0 * self.horizon,
            xtol=1e-3,
        )
        return replace(self, name=f"{self.name}{HINDSIGHT}", horizon=float(horizon))


def tenths(case: Case) -> pd.DataFrame:
    """Return expectation, what happened and coverage by tenths of expected value, and of all."""
    expected = case.expected()
    group = pd.qcut(expected.value.rank(method="first"), TENTHS, labels=False).to_numpy() + 1
    rows = []
    for (what, distribution), actual in zip(
        case.distributions().items(), case.log.actual, strict=True
    ):
        forecast = Forecast.of(distribution, actual, whole=what == "purchases")
        for tenth in (*range(1, TENTHS + 1), ALL):
            kept = (group == tenth) | (tenth == ALL)
            row = {"case": case.name, "quantity": what, "tenth": tenth}
            row |= {"expected": expected[what][kept].sum(), "actual": actual[kept].sum()}
            rows.append(row | forecast.take(kept).row(actual[kept], seed=1))
    return pd.DataFrame(rows)


def totals(case: Case) -> pd.DataFrame:
    """Return the intervals of the totals beside what happened."""
    rows = []
    for what, money, actual in zip(
        ("purchases", "value"), (None, case.spend), case.log.actual, strict=True
    ):
        found = clv.total(
            case.log.whole.calibration,
            case.purchases,
            money,
            horizon=case.horizon,
            interval=LEVEL,
        )
        row = dict(found.iloc[0]) if isinstance(found, pd.DataFrame) else found.row(0, named=True)
        row = {
            name: row[name] for name in ("sd_customers", "sd_parameters", "sd", "lower", "upper")
        }
        mean = case.expected()[what].sum()
        rows.append({"case": case.name, "quantity": what, "expected": mean, **row})
        rows[-1]["actual"] = actual.sum()
    return pd.DataFrame(rows)


def cases(log: Log) -> list[Case]:
    """Return the fits of a log, and BG/NBD with the total of purchases known in hindsight."""
    fits = {kind.title: kind.fit for kind in (clv.BGNBD, clv.MBGNBD, clv.ParetoNBD)}
    if log.regular:
        fits["MBG/CNBD-2"] = lambda data: clv.MBGCNBD.fit(data, k=2)
    with quiet():
        found = [
            Case(log, name, fit(log.whole.calibration), log.spend, log.whole.horizon)
            for name, fit in fits.items()
        ]
    known = found[0].in_hindsight()
    wider = real_reasons.as_varied_as_single_purchases(log)
    return [*found, known, replace(known, name=f"{known.name}{WITHIN}", spend=wider)]


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs of all customers, case by case."""
    return markdown(
        ("log", "model", "", "covered", "promised", "randomised", "below", "above"),
        (
            (
                *(row.log, row.case, row.quantity, f"{row.covered:.1%}", f"{row.promised:.1%}"),
                *(f"{row.randomised:.1%}", f"{row.below:.1%}", f"{row.above:.1%}"),
            )
            for row in table[(table.tenth == ALL) & ~repeated(table)].itertuples()
        ),
    )


def repeated(table: pd.DataFrame) -> pd.Series:
    """Tell which rows repeat another one: purchases do not depend on the spend model."""
    return (table.quantity == "purchases") & table.case.str.endswith(WITHIN)


def tenths_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs by tenths, for BG/NBD."""
    keys = ["log", "tenth"]
    kept = table[(table.case == clv.BGNBD.title) & (table.tenth != ALL)]
    count, value = (kept[kept.quantity == each].set_index(keys) for each in ("purchases", "value"))
    return markdown(
        (
            *("log", "tenth", "purchases expected", "actual", "covered", "promised", "randomised"),
            *("value expected", "actual", "covered", "promised", "randomised"),
        ),
        (
            (
                *(key[0], str(key[1])),
                *(
                    cell
                    for row in (one, value.loc[key])
                    for cell in (
                        *(f"{row.expected:,.0f}", f"{row.actual:,.0f}", f"{row.covered:.1%}"),
                        *(f"{row.promised:.1%}", f"{row.randomised:.1%}"),
                    )
                ),
            )
            for key, one in count.iterrows()
        ),
    )


def totals_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs of totals."""
    return markdown(
        ("log", "model", "", "expected", "90 % interval", "actual", "errors in sd"),
        (
            (
                *(row.log, row.case, row.quantity, f"{row.expected:,.0f}"),
                *(f"{row.lower:,.0f} to {row.upper:,.0f}", f"{row.actual:,.0f}"),
                f"{(row.actual - row.expected) / row.sd:+.1f}",
            )
            for row in table[~table.case.str.contains(WITHIN)].itertuples()
        ),
    )


def months_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs of months."""
    return markdown(
        ("log", "until", "purchases expected", "actual", "", "value expected", "actual", ""),
        (
            (
                *(row.log, row.until, f"{row.expected:,.0f}", f"{row.actual:,.0f}"),
                f"{row.actual / row.expected - 1.0:+.0%}",
                *(f"{row.expected_value:,.0f}", f"{row.value:,.0f}"),
                f"{row.value / row.expected_value - 1.0:+.0%}",
            )
            for row in table.itertuples()
        ),
    )


def spend_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs of money given the number of purchases."""
    return markdown(
        (
            *("log", "frequency", "buyers", "actual / expected", "covered", "below", "above"),
            "covered with p within customers",
        ),
        (
            (
                *(row.log, row.frequency, f"{row.buyers:,}", f"{row.actual_over_expected:.2f}"),
                *(f"{row.covered:.1%}", f"{row.below:.1%}", f"{row.above:.1%}"),
                f"{row.covered_within:.1%}",
            )
            for row in table.itertuples()
        ),
    )


TABLES: Final[dict[str, dict[str, Callable[[pd.DataFrame], str]]]] = {
    "": {"": as_markdown, "_tenths": tenths_as_markdown},
    "_totals": {"_totals": totals_as_markdown},
    "_months": {"_months": months_as_markdown},
    "_spend": {"_spend": spend_as_markdown},
}


def main() -> None:
    """Run the logs that are named, or all, and write what was found."""
    for name in sys.argv[1:] or LOGS:
        log = LOGS[name]()
        found = cases(log)
        plain = {case.name: case.purchases for case in found if "," not in case.name}
        for what, table in {
            "": pd.concat(map(tenths, found)),
            "_totals": pd.concat(map(totals, found)),
            "_months": real_reasons.months(log, found[0].purchases),
            "_spend": real_reasons.spend_by_frequency(log),
            "_facts": real_reasons.facts(log, plain),
        }.items():
            table.insert(0, "log", log.name)
            print(table.to_string(index=False), flush=True)
            kept = merged(RESULTS / f"coverage_real{what}.csv", table, "log", LOGS)
            for end, words in TABLES.get(what, {}).items():
                path = RESULTS / f"coverage_real{end}.md"
                path.write_text(words(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
