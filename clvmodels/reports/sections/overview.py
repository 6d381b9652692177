"""What a manager reads first: a paragraph and the main numbers."""

from __future__ import annotations

from typing import Any

from clvmodels.models.fit import Fit
from clvmodels.reports.blocks import Block, Fact, Facts, Missing, Note, Section, Text, absent
from clvmodels.reports.gathering import LEVEL
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import count, day, money_of, percent, share

__all__ = ["overview_section"]


def overview_section(found: Judged) -> Section:
    """Say in one paragraph what the log says."""
    total, blocks = found.totals("all"), list[Block]()
    if isinstance(total, Missing):
        blocks += [Text(_log(found), lead=True), absent("what the customers are worth", total)]
        return Section("summary", "Summary", tuple(blocks))
    words = [_log(found), _future(found, total), _tenth(found), _trust(found)]
    paragraph = Text(" ".join(word for word in words if word), lead=True)
    blocks += [
        Facts(_headline(found, total), headline=True),
        paragraph,
        *_concerns(found),
        *_judgement(found),
    ]
    return Section("summary", "Summary", tuple(blocks))


def _log(found: Judged) -> str:
    return f"By {day(found.rfm.observed_until)}, {_customers(found.customers)} had bought."


def _customers(number: int) -> str:
    return f"{number:,} customer{'' if number == 1 else 's'}"


def _future(found: Judged, total: Any) -> str:
    row, money = total.iloc[0], money_of(found.settings.currency)
    words = (
        f"About {found.alive:,.0f} of them ({share(found.alive / found.customers)}) are expected "
        "to be customers still."
    )
    bought = f"{count(row.expected_purchases)} more purchases"
    ends = (
        f"with a chance of {percent(LEVEL)} "
        f"between {_amount(found, row.lower)} and {_amount(found, row.upper)}"
    )
    if not found.valued:
        return f"{words} In {found.settings.ahead} they are expected to make {bought}, {ends}."
    return (
        f"{words} In {found.settings.ahead} they are expected to make {bought}, which "
        f"are worth {money(row.clv)} today: {ends}."
    )


def _amount(found: Judged, value: float) -> str:
    return money_of(found.settings.currency)(value) if found.valued else count(value)


def _tenth(found: Judged) -> str:
    deciles = found.totals("decile")
    if isinstance(deciles, Missing):
        return ""
    what = "that value" if found.valued else "those purchases"
    return f"The best tenth of the customers has {share(deciles.share.iloc[0])} of {what}."


def _trust(found: Judged) -> str:
    fit = found.purchases
    assert isinstance(fit, Fit)  # else there were no totals
    fits = [fit, *([found.spend] if found.valued and isinstance(found.spend, Fit) else [])]
    doubtful = [each.model.label for each in fits if each.certificate.verdict != "identified"]
    which = " with ".join(each.model.label for each in fits)
    if not doubtful:
        return f"The model is {which}; the data pin it down."
    return f"The model is {which}; the data hardly pin down {' and '.join(doubtful)}."


def _concerns(found: Judged) -> list[Block]:
    if isinstance(found.spend, Missing) and found.settings.amount is not None:
        return [absent("value in money, so that purchases are counted", found.spend)]
    return []


def _judgement(found: Judged) -> list[Block]:
    """Say whether the log suits the models, and whether they have been better than rules."""
    blocks: list[Block] = []
    checked, tested = found.suitability, found.backtest
    if not isinstance(checked, Missing):
        blocks.append(Note(f"The log: {checked.verdict}", checked.level))
    if not isinstance(tested, Missing):
        blocks.append(Note(f"Past predictions. {tested.verdict}"))
    return blocks


def _headline(found: Judged, total: Any) -> tuple[Fact, ...]:
    row = total.iloc[0]
    ends = f"{percent(LEVEL)} interval {_amount(found, row.lower)} to {_amount(found, row.upper)}"
    facts = [
        Fact("Customers", f"{found.customers:,}", "who have bought at least once"),
        Fact(
            "Still active",
            count(round(found.alive)),
            f"{share(found.alive / found.customers)} of all, expected",
        ),
        Fact(
            "Purchases expected",
            count(row.expected_purchases),
            f"in {found.settings.ahead}" + ("" if found.valued else f"; {ends}"),
        ),
    ]
    if found.valued:
        facts.append(Fact("Value expected", _amount(found, row.clv), ends))
    deciles = found.totals("decile")
    if not isinstance(deciles, Missing):
        first = deciles.share.iloc[0]
        facts.append(
            Fact(
                "In the best tenth",
                share(first),
                "share of all expected " + ("value" if found.valued else "purchases"),
            )
        )
    return tuple(facts)
