"""Customer lifetime value of the CDNOW customers, from raw orders to files. Run: make demo."""

from __future__ import annotations

from pathlib import Path

import polars as pl

import clvmodels as clv

OUTPUT = Path("demo-output")
CUT = "1997-09-30"


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'=' * len(text)}")


def main() -> None:
    """Fit on nine months, value the next year, and check against the nine months that followed."""
    orders = clv.datasets.load_cdnow()

    heading("From orders to customers")
    rfm = clv.rfm_summary(
        orders,
        customer="customer_id",
        date="date",
        amount="amount",
        observed_until=CUT,
        unit="week",
    )
    print(rfm.ledger)

    heading("When they buy and leave, and what they spend")
    purchases, spend = clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)
    model = clv.CLVModel(purchases, spend)
    print(model)
    print(f"\nIs spend independent of frequency?\n{clv.GammaGamma.check_independence(rfm)}")

    heading("The next year, discounted at 10 % a year, at a margin of 30 %")
    table = model.predict(rfm, horizon="1y", discount_rate=0.10, margin=0.30)
    print(table.nlargest(10, "clv").round(2).to_string(index=False))
    print(f"\nAll {len(table):,} customers: {table['clv'].sum():,.0f} dollars")

    heading("Were the nine months after the fit as expected?")
    split = clv.holdout_split(
        orders, customer="customer_id", date="date", calibration_end=CUT, unit="week"
    )
    expected = purchases.expected_purchases(split.calibration, split.horizon).sum()
    actual = split.holdout["holdout_purchases"].sum()
    print(f"expected {expected:,.0f} purchases, actual {actual:,}: {expected / actual - 1:+.1%}")
    print("The model knows no seasons; see docs/how-to/holdout.md.")

    heading("Files")
    OUTPUT.mkdir(exist_ok=True)
    pl.from_pandas(table).write_parquet(OUTPUT / "predictions.parquet")
    clv.save(model, OUTPUT / "model.json")
    for file in sorted(OUTPUT.iterdir()):
        print(f"{file} ({file.stat().st_size / 1024:,.0f} KB)")


if __name__ == "__main__":
    main()
