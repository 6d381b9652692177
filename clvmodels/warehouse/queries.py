"""What `to_sql` and `summary_to_sql` return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clvmodels.customers import Customers
from clvmodels.frames.sources import as_narwhals
from clvmodels.units import TimeUnit
from clvmodels.warehouse.dialects import EXECUTED, Dialect
from clvmodels.warehouse.spend_sql import customers_of_cells

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SummaryQueries", "WarehouseQueries"]


@dataclass(frozen=True)
class SummaryQueries:
    """Queries that turn a table of orders into a customer summary; see `summary_to_sql`.

    Attributes
    ----------
    dialect : {'duckdb', 'postgres', 'spark', 'bigquery', 'snowflake'}
        The dialect.
    unit : TimeUnit
        Unit of ``recency`` and ``T``.
    summary : str
        SELECT of the id, ``frequency``, ``recency``, ``T`` and, with amounts, ``monetary_value``,
        one row a customer: what `rfm_summary` returns.
    patterns : str
        SELECT of the distinct ``frequency``, ``recency``, ``T`` with their number of ``customers``:
        all that a purchase model learns from. `from_patterns` takes its result.
    spend_cells : str or None
        SELECT of ``frequency``, band of mean spend, number of ``customers`` and sums of powers: all
        that Gamma-Gamma learns from. `from_spend_cells` takes its result. None without amounts.
    audit : str
        SELECT of the rows of the table by what becomes of them: ``fate``, ``n_rows`` and ``total``,
        the sum of their amounts.
    """

    dialect: Dialect
    unit: TimeUnit
    summary: str
    patterns: str
    spend_cells: str | None
    audit: str

    @property
    def executed(self) -> bool:
        """Whether the project's tests run queries of this dialect, and do not only parse them."""
        return self.dialect in EXECUTED

    def from_patterns(self, table: Any) -> Customers:
        """Return customers to fit a purchase model to, from the result of ``patterns``.

        Parameters
        ----------
        table
            The result as a pandas, polars or pyarrow frame, or a DuckDB relation.
        """
        frame = as_narwhals(table).lazy().collect("polars").sort("frequency", "T", "recency")
        names = ("frequency", "recency", "T", "customers")
        x, t_x, T, weight = (frame[name].to_numpy() for name in names)
        return Customers.from_arrays(x, t_x, T, unit=self.unit, weight=weight)

    def from_spend_cells(self, table: Any) -> Customers:
        """Return customers to fit Gamma-Gamma to, from the result of ``spend_cells``.

        They are up to three for each cell, weighted so that the likelihood is that of all, relative
        1e-12. Customers without a repeat purchase of positive value are not among them.

        Parameters
        ----------
        table
            The result as a pandas, polars or pyarrow frame, or a DuckDB relation.
        """
        return customers_of_cells(table, self.unit)


@dataclass(frozen=True)
class WarehouseQueries(SummaryQueries):
    """Queries that score customers where their orders are; see `to_sql`.

    Attributes
    ----------
    lookup : DataFrame
        The small table to load, as polars: integer keys, and what the model says of such customers.
    create_lookup : str
        CREATE TABLE for it.
    scoring : str
        SELECT of the summary with the columns of `predict`, one row a customer.
    missing : str
        SELECT of how many ``customers`` have a history that the lookup table lacks, their largest
        frequency and age, and the number of ``lookup_rows``. Zero and ``len(lookup)`` are right.
    """

    lookup: pl.DataFrame
    create_lookup: str
    scoring: str
    missing: str
