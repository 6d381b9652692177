"""Two real logs, cut in time: the CDNOW orders, and the first year of Online Retail II."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

import clvmodels as clv

__all__ = ["LOGS", "Log", "happened", "quiet"]

Array: TypeAlias = NDArray[np.float64]

RETAIL_FILE: Final = (
    Path(__file__).resolve().parents[2] / "shared/data/online_retail_2009_2010.parquet"
)


@dataclass(frozen=True)
class Log:
    """A real log, its columns, where it is cut and how it goes on."""

    name: str
    orders: Any
    columns: dict[str, Any]
    cut: str
    ends: tuple[str, ...]
    regular: bool = False

    def split(self, until: str | None = None) -> clv.HoldoutSplit:
        """Return the log cut in two, the second part up to a day."""
        with quiet():
            return clv.holdout_split(
                self.orders,
                **self.columns,
                calibration_end=self.cut,
                observed_until=until or self.ends[-1],
                unit="week",
            )

    @cached_property
    def whole(self) -> clv.HoldoutSplit:
        """The split with the whole holdout."""
        return self.split()

    @cached_property
    def actual(self) -> tuple[Array, Array]:
        """Purchases and value of every customer in the holdout, (n,) each."""
        return happened(self.whole)

    @cached_property
    def spend(self) -> Any:
        """The spend fit."""
        with quiet():
            return clv.GammaGamma.fit(self.whole.calibration)

    def occasions(self) -> pd.DataFrame:
        """Return the days with orders before the cut: customer, day and amount, in order."""
        who, when, money = (self.columns[each] for each in ("customer", "date", "amount"))
        orders = self.orders.to_pandas() if isinstance(self.orders, pl.DataFrame) else self.orders
        amount = orders[money] if isinstance(money, str) else orders[list(money)].prod(axis=1)
        day = orders[when].astype(str).str[:10]
        table = pd.DataFrame({"customer": orders[who], "day": day, "amount": amount})
        kept = table.customer.notna() & (amount >= 0.0) & (day <= self.cut)
        return table[kept].groupby(["customer", "day"], as_index=False).amount.sum()


def quiet() -> warnings.catch_warnings:
    """Return a context without the warnings that the certificate repeats in a table."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


def happened(split: clv.HoldoutSplit) -> tuple[Array, Array]:
    """Return purchases and value of the holdout, (n,) each."""
    table = split.holdout
    return tuple(
        np.asarray(table[f"holdout_{what}"], dtype=float) for what in ("purchases", "value")
    )


def cdnow() -> Log:
    """Return the CDNOW orders."""
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    ends = tuple(f"{day:%Y-%m-%d}" for day in pd.date_range("1997-10-31", "1998-06-30", freq="ME"))
    return Log("CDNOW", clv.datasets.load_cdnow(), columns, "1997-09-30", ends)


def online_retail() -> Log:
    """Return the products of the first year of Online Retail II."""
    product = pl.col("StockCode").str.contains(r"^\d{5}")
    lines = pl.read_parquet(RETAIL_FILE).filter(product)
    lines = lines.with_columns(pl.col("Customer ID").cast(pl.Int64))
    columns = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
    ends = ("2010-09-30", "2010-10-31", "2010-11-30", "2010-12-09")
    return Log("Online Retail", lines, columns, "2010-08-31", ends, regular=True)


LOGS: dict[str, Callable[[], Log]] = {"CDNOW": cdnow, "Online Retail": online_retail}
