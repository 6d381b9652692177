"""Whether a log suits the models, to the screen or as JSON."""

from __future__ import annotations

from dataclasses import asdict

from clvmodels.cli.console import Reporter
from clvmodels.cli.options import LogOptions
from clvmodels.cli.orders import Orders, open_orders
from clvmodels.suitability.check import check
from clvmodels.suitability.finding import SuitabilityCheck

__all__ = ["check_log"]


def check_log(log: LogOptions, reporter: Reporter) -> None:
    """Look at a log, or at a kept summary, and say what was found."""
    orders = open_orders(log, reporter, unit=log.unit or "week")
    if log.max_memory is not None:
        reporter.note("Only counts and sums are kept in memory: --max-memory changes nothing here.")
    with reporter.step("Looking at the orders"):
        found = _checked(orders)
    document = {
        "command": "check",
        **orders.describe(),
        "unit": found.unit,
        "observed_until": found.observed_until,
        "customers": found.customers,
        "repeat_customers": found.repeat_customers,
        "level": found.level,
        "verdict": found.verdict,
        "findings": [asdict(each) for each in found.findings],
    }
    reporter.result(document, str(found))


def _checked(orders: Orders) -> SuitabilityCheck:
    if orders.state is not None:
        return check(orders.state.summary(orders.unit))
    rules, until = vars(orders.rules), orders.options.observed_until
    unit = orders.options.unit
    return check(orders.frame, **rules, unit=unit, observed_until=until)
