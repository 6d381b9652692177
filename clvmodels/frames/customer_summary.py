"""The customer summary: one row a customer, on the engine of the data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np

from clvmodels.atomic import atomic_path
from clvmodels.customers import TIMING, Column, Customers, Definitions
from clvmodels.errors import DataError
from clvmodels.frames.columns import (
    LOG_INTERVALS,
    SUMMARY,
    refuse_clash,
    refuse_collision,
    require_column,
)
from clvmodels.frames.covariates import covariate_values, joined_covariates
from clvmodels.frames.engines import collected, read_parquet, write_parquet, write_parts
from clvmodels.frames.finished_tables import has_bad_times, refuse_repeated_ids, refuse_types
from clvmodels.frames.groups import Cohort, cohorts
from clvmodels.frames.ledger import Ledger
from clvmodels.frames.sources import as_narwhals
from clvmodels.frames.spend_cells import spend_cells
from clvmodels.frames.timing_patterns import timing_patterns
from clvmodels.units import TimeUnit, check_unit, parse_date

__all__ = ["CustomerSummary"]


@dataclass(frozen=True, eq=False, repr=False)
class CustomerSummary:
    """One row a customer: how often, how recently, for how long, and how much.

    Made by `rfm_summary`, `holdout_split` or `CustomerSummary.from_frame`.

    Attributes
    ----------
    frame : native frame
        On the engine of the data: the id column, ``frequency``, ``recency``, ``T`` and, with
        amounts, ``monetary_value`` (null where frequency is 0); ``log_intervals`` if asked for.
        Eager frames are sorted by id.
    unit : TimeUnit
        Unit of ``recency`` and ``T``.
    observed_until : date or None
        Last day of observation, included.
    customer : str
        Name of the id column.
    definitions : Definitions or None
        The rules by which orders became histories. None for a finished table.
    """

    frame: Any
    unit: TimeUnit
    observed_until: date | None
    customer: str
    definitions: Definitions | None
    _account: Callable[[], Ledger] | None = field(default=None)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        unit: TimeUnit,
        customer: str = "customer_id",
        frequency: str = "frequency",
        recency: str = "recency",
        T: str = "T",
        monetary_value: str | None = "monetary_value",
        observed_until: date | str | None = None,
    ) -> CustomerSummary:
        """Take a table that already has frequency, recency and T, under any column names.

        Parameters
        ----------
        frame
            One row a customer, on any engine. It is not changed; other columns are kept. A column
            ``log_intervals`` is what `rfm_summary` makes with ``intervals=True``.
        unit
            The unit that recency and T are in.
        customer, frequency, recency, T, monetary_value
            Names of the columns. `monetary_value` is left out if there is no such column and the
            name is the default, or if it is None.
        observed_until
            Last day of observation, for horizons given as dates.

        Returns
        -------
        CustomerSummary
            Its frame has the standard names.

        Raises
        ------
        MissingColumnError
            A named column is not there.
        DataError
            Rows break a rule, such as recency above T; lazy frames are checked when collected.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"id": [1, 2], "x": [0, 2], "t_x": [0.0, 8.0], "T": [9.0, 9.0]})
        >>> rfm = CustomerSummary.from_frame(
        ...     table, unit="week", customer="id", frequency="x", recency="t_x"
        ... )
        >>> rfm.customers()
        Customers(2 rows, 2 customers, 1 with a repeat purchase, unit='week')
        """
        wrapped = as_narwhals(frame)
        names = wrapped.collect_schema().names()
        if monetary_value == "monetary_value" and monetary_value not in names:
            monetary_value = None
        roles = {frequency: "frequency", recency: "recency", T: "T"}
        if monetary_value is not None:
            roles[monetary_value] = "monetary_value"
        for name, role in {customer: "customer", **roles}.items():
            require_column(name, names, role=role)
        refuse_collision(customer, roles.values())
        refuse_clash(names, roles, customer=customer, named=3 + (monetary_value is not None))
        known = roles | ({LOG_INTERVALS: LOG_INTERVALS} if LOG_INTERVALS in names else {})
        refuse_types(wrapped.collect_schema(), known)
        until = (
            None if observed_until is None else parse_date(observed_until, name="observed_until")
        )
        if isinstance(wrapped, nw.DataFrame) and wrapped.implementation.is_pandas():
            wrapped = wrapped.clone()  # before pandas 3 renaming shares the caller's memory
        native = nw.to_native(wrapped.rename({k: v for k, v in roles.items() if k != v}))
        summary = cls(native, check_unit(unit), until, customer, None)
        if not summary.is_lazy:
            summary._refuse_repeated_ids()
            summary.customers()
        return summary

    def __repr__(self) -> str:
        until = f", observed until {self.observed_until}" if self.observed_until else ""
        frame = as_narwhals(self.frame)
        size = "lazy" if isinstance(frame, nw.LazyFrame) else f"{len(frame):,} customers"
        return f"<CustomerSummary: {size}, unit {self.unit}{until}>"

    @property
    def is_lazy(self) -> bool:
        """Whether the frame is lazy, so that nothing is computed until asked for."""
        return isinstance(as_narwhals(self.frame), nw.LazyFrame)

    @property
    def has_spend(self) -> bool:
        """Whether there is mean spend."""
        return "monetary_value" in as_narwhals(self.frame).collect_schema().names()

    @cached_property
    def ledger(self) -> Ledger:
        """The account of every row, customer and amount of the log; see `Ledger`."""
        if self._account is None:
            raise DataError(
                "A ledger goes with a log of orders.",
                place="This summary was made from a finished table.",
                fix="Use rfm_summary(orders, ...).",
            )
        return self._account()

    def collect(self) -> CustomerSummary:
        """Return the summary with a lazy frame computed, as polars; eager ones as they are.

        A lazy summary reads the log again for every fit and prediction. Collected, it is read
        once, if its one row a customer fits into memory.
        """
        frame = as_narwhals(self.frame)
        if isinstance(frame, nw.DataFrame):
            return self
        self._refuse_repeated_ids()
        return replace(self, frame=nw.to_native(collected(frame.sort(self.customer))))

    def store(self, path: str | os.PathLike[str], *, parts: int = 1) -> CustomerSummary:
        """Write the summary to parquet, and return one that reads it; a lazy one is computed once.

        A lazy summary reads the log again for every fit and prediction. Stored, it costs time by
        the number of customers, not of orders, and no memory. The engine of the frame writes:
        polars and DuckDB one file, the executors of Spark a folder of files.

        Parameters
        ----------
        path
            A file or, with Spark, a folder that does not exist. A file is replaced when all is
            written.
        parts
            With polars, in how many passes the summary is computed, each over a share of the
            customers; above 1 into a folder that does not exist. Memory falls with it, and reading
            the log takes longer. Other engines see to their memory themselves.

        Returns
        -------
        CustomerSummary
            Lazy on the same engine; an eager summary is returned as it is.

        Raises
        ------
        DataError
            The path cannot be written, or `parts` is not a number above zero.

        Examples
        --------
        >>> import polars as pl, tempfile
        >>> from clvmodels import rfm_summary
        >>> orders = pl.LazyFrame({"who": ["a", "a"], "when": ["2024-01-01", "2024-01-15"]})
        >>> rfm = rfm_summary(orders, customer="who", date="when", unit="week")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rfm.store(folder + "/rfm.parquet").customers()
        Customers(1 rows, 1 customers, 1 with a repeat purchase, unit='week')
        """
        frame = as_narwhals(self.frame)
        if not isinstance(parts, int) or parts < 1:
            raise DataError("`parts` is a whole number above zero.", place=f"Got {parts!r}.")
        if isinstance(frame, nw.DataFrame):
            with atomic_path(path) as temporary:
                frame.write_parquet(temporary)
            return self
        if parts > 1 and frame.implementation.is_polars():
            write_parts(frame, path, key=self.customer, parts=parts)
            return replace(self, frame=nw.to_native(read_parquet(frame, path)))
        write_parquet(frame, path)  # to Spark a path may be an address, which Path would change
        return replace(self, frame=nw.to_native(read_parquet(frame, path)))

    def with_covariates(self, table: Any, *, customer: str | None = None) -> CustomerSummary:
        """Return the summary with columns of a customer table joined to it.

        Parameters
        ----------
        table
            One row a customer, on the engine of the summary (or eager, for an eager one). All its
            columns but the id become columns of the summary.
        customer
            Name of its id column, if that is not the name in the summary.

        Raises
        ------
        MissingColumnError
            There is no such id column.
        DataError
            Customers are missing in the table or twice there, or column names clash.

        Examples
        --------
        >>> import pandas as pd
        >>> rfm = CustomerSummary.from_frame(
        ...     pd.DataFrame({"customer_id": [7], "frequency": [0], "recency": [0.0], "T": [9.0]}),
        ...     unit="week",
        ... )
        >>> rfm.with_covariates(pd.DataFrame({"customer_id": [7], "channel": ["web"]})).frame
           customer_id  frequency  recency    T channel
        0            7          0      0.0  9.0     web
        """
        return replace(self, frame=joined_covariates(self.frame, self.customer, table, customer))

    def with_cohorts(self, period: Cohort = "quarter", *, name: str = "cohort") -> CustomerSummary:
        """Return the summary with the calendar period of each first purchase as a column.

        Parameters
        ----------
        period
            'month', 'quarter' or 'year'.
        name
            Name of the new column, whose values read ``'2024-07'``, ``'2024 Q3'`` or ``'2024'``.

        Raises
        ------
        ParameterError
            The period is none of these.
        DataError
            The summary is lazy, does not know its end of observation, or has such a column.

        Examples
        --------
        >>> import polars as pl
        >>> table = {"customer_id": [7], "frequency": [0], "recency": [0.0], "T": [9.0]}
        >>> rfm = CustomerSummary.from_frame(
        ...     pl.DataFrame(table), unit="week", observed_until="2024-09-30"
        ... )
        >>> rfm.with_cohorts().frame["cohort"].to_list()
        ['2024 Q3']
        """
        labels = cohorts(self, period)
        frame = nw.from_native(self.frame, eager_only=True)
        if name.casefold() in {each.casefold() for each in frame.columns}:
            raise DataError(
                "Cohorts are a new column.",
                place=f"The summary already has {name!r}.",
                fix="Pass another `name`, or drop the column.",
            )
        column = nw.new_series(name, labels.tolist(), nw.String, backend=frame.implementation)
        if frame.implementation.is_pandas():  # which goes by the index
            column = nw.from_native(
                nw.to_native(column).set_axis(self.frame.index), series_only=True
            )
        return replace(self, frame=nw.to_native(frame.with_columns(column)))

    def customers(self, covariates: tuple[str, ...] = ()) -> Customers:
        """Return every customer, in the order of the frame; a lazy frame is collected.

        Parameters
        ----------
        covariates
            Names of other columns to take along, for models with covariates.

        Raises
        ------
        DataError
            Rows break a rule, such as recency above T, or a covariate is missing.
        """
        frame = as_narwhals(self.frame)
        self._require(covariates)
        names = frame.collect_schema().names()
        columns = [name for name in (*SUMMARY, LOG_INTERVALS) if name in names]
        if isinstance(frame, nw.LazyFrame):
            self._refuse_repeated_ids()
            frame = collected(frame.select(*columns, *covariates))
        arrays = {name: _floats(frame[name]) for name in columns}
        return Customers.from_arrays(
            arrays["frequency"],
            arrays["recency"],
            arrays["T"],
            unit=self.unit,
            monetary_value=arrays.get("monetary_value"),
            log_intervals=arrays.get(LOG_INTERVALS),
            covariates={name: covariate_values(frame[name]) for name in covariates},
        )

    def _require(self, covariates: tuple[str, ...]) -> None:
        """Raise unless the covariates are columns of the frame."""
        names = as_narwhals(self.frame).collect_schema().names()
        for name in covariates:
            require_column(name, names, role="covariate")

    def patterns(self, by: tuple[Column, ...] = TIMING) -> Customers:
        """Return the distinct histories with their numbers of customers.

        From a lazy frame only the distinct rows are collected. Mean spend hardly ever repeats: of a
        lazy frame the distinct frequencies and narrow bands of mean spend are collected, and each
        has up to three weighted values that stand for its customers (`frames.spend_cells`).

        Parameters
        ----------
        by
            What makes a history: ``("frequency", "recency", "T")`` for purchase models,
            ``("frequency", "monetary_value")`` for spend models; covariates by name.
        """
        covariates = tuple(name for name in by if name not in SUMMARY)
        frame = as_narwhals(self.frame)
        if isinstance(frame, nw.DataFrame):
            return self.customers(covariates).patterns(by)
        for name in by:
            role = "covariate" if name in covariates else name
            require_column(name, frame.collect_schema().names(), role=role)
        self._refuse_repeated_ids()
        if "monetary_value" in by:
            return spend_cells(frame, covariates, self.unit)
        if self.definitions is None and has_bad_times(frame):
            self.customers()  # which says what is wrong and where
        return timing_patterns(frame, by, definitions=self.definitions, unit=self.unit)

    def _refuse_repeated_ids(self) -> None:
        if self.definitions is None:
            refuse_repeated_ids(as_narwhals(self.frame), self.customer)


def _floats(series: nw.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column as floats, NaN where missing."""
    return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
