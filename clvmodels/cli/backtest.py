"""A backtest of a log: from options to tables and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from clvmodels.backtests.backtest import backtest
from clvmodels.backtests.contestants import Models
from clvmodels.backtests.measures import Cohort
from clvmodels.backtests.result import Backtest
from clvmodels.cli.console import Reporter
from clvmodels.cli.options import LogOptions
from clvmodels.cli.orders import open_orders
from clvmodels.cli.scoring import read_horizon
from clvmodels.cli.segments import check_segments
from clvmodels.cli.tables import check_ending, replacing
from clvmodels.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Asked", "judged"]


@dataclass(frozen=True)
class Asked:
    """What is to be compared; see `clvmodels.backtest`."""

    horizon: str
    models: Sequence[str]
    origins: Sequence[str]
    n_origins: int
    by: Sequence[str]
    cohort: str
    interval: float


def judged(log: LogOptions, reporter: Reporter, *, out: Path | None, asked: Asked) -> None:
    """Backtest a log, show the summary and the verdict, and write the table."""
    check_ending(out, option="--out", table=True)
    unit = log.unit or "week"
    horizon = read_horizon(asked.horizon)
    orders = open_orders(log, reporter, unit=unit)
    if orders.state is not None:
        raise ParameterError(
            "A backtest is made from orders, of which it leaves out the later ones.",
            place=f"{log.source} is a kept summary.",
            fix="Pass the files of the orders.",
        )
    check_segments(orders, asked.by)
    with replacing(out, source=log.source) as target, reporter.step("Predicting from the past"):
        result = backtest(
            orders.frame,
            **vars(orders.rules),
            unit=unit,
            observed_until=log.observed_until,
            horizon=horizon,
            models=cast(Models, asked.models or ("BGNBD", "MBGNBD", "ParetoNBD")),
            origins=asked.origins or None,
            n_origins=asked.n_origins,
            by=asked.by,
            cohort=None if asked.cohort == "none" else cast(Cohort, asked.cohort),
            interval=asked.interval,
        )
        if target is not None:
            _write(result.table, target)
    facts = {"command": "backtest", **orders.describe(), "by": list(asked.by), "out": out}
    reporter.result(facts | _described(result), str(result))
    if out is not None:
        reporter.note(f"Written: {out}")


def _described(result: Backtest) -> dict[str, Any]:
    """Return what the JSON says: everything but the long tables, which --out writes."""
    tables = {
        name: getattr(result, name).to_dict("records")
        for name in ("summary", "paired", "newcomers", "fits")
    }
    return {
        "origins": list(result.origins),
        "horizon": result.horizon,
        "customers": list(result.customers),
        "interval": result.level,
        "verdict": result.verdict,
        **tables,
    }


def _write(table: pd.DataFrame, path: Path) -> None:
    import polars as pl

    frame = pl.DataFrame({name: table[name].to_list() for name in table})
    frame = frame.with_columns(pl.col("number").fill_nan(None))
    if path.suffix.lower() == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
