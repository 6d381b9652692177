"""The example report of the docs, of the Online Retail data. Run: make report."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

import clvmodels as clv

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "online_retail_2009_2010.parquet"
PAGE = ROOT / "docs" / "assets" / "online-retail-report.html"


def products(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines that are merchandise, as docs/how-to/online-retail.md explains."""
    return lines.filter(pl.col("StockCode").str.contains(r"^\d{5}")).with_columns(
        pl.col("Customer ID").cast(pl.Int64).alias("customer_id")
    )


def main() -> None:
    """Write the page."""
    if not DATA.exists():
        sys.exit(f"needs {DATA.name} in {DATA.parent}")
    report = clv.report(
        products(pl.read_parquet(DATA)),
        customer="customer_id",
        date="InvoiceDate",
        amount=("Quantity", "Price"),
        unit="week",
        horizon="1y",
        discount_rate=0.10,
        margin=0.30,
        currency="£",
        title="A British gift shop: what customers are worth",
        by="Country",
    )
    report.save(PAGE)
    print(report)


if __name__ == "__main__":
    main()
