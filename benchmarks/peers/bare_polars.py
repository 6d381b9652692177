"""The physical limit in polars, without any library: reading the log, and its plainest summary."""

from __future__ import annotations

import polars as pl

from benchmarks.peers.protocol import Action, Job, Step, main


def scan_step(job: Job) -> Action:
    """Read every value of the three columns once."""
    sums = pl.col("customer_id").sum(), pl.col("date").max(), pl.col("amount").sum()

    def action() -> dict[str, float]:
        row = pl.scan_parquet(job.log).select(*sums).collect(engine="streaming").row(0, named=True)
        return {"amount": row["amount"]}

    return action


def bare_step(*, first_amount: bool) -> Step:
    """Merge the orders of a day, then aggregate to customers, to parquet.

    With the amount of the first day the result holds all that a customer summary is made of:
    without it, mean spend of the repeat purchases is not known.
    """
    first = (pl.col("amount").min_by("date").alias("first_amount"),) if first_amount else ()
    columns = (
        pl.len().alias("occasions"),
        pl.col("date").min().alias("first"),
        pl.col("date").max().alias("last"),
        pl.col("amount").sum(),
        *first,
    )

    def prepare(job: Job) -> Action:
        def action() -> dict[str, float]:
            days = pl.scan_parquet(job.log).group_by("customer_id", "date")
            people = days.agg(pl.col("amount").sum()).group_by("customer_id").agg(*columns)
            people.sink_parquet(job.out / "bare.parquet", engine="streaming")
            return {}

        return action

    return prepare


STEPS: dict[str, Step] = {
    "scan": scan_step,
    "bare summary": bare_step(first_amount=True),
    "bare summary, no first amount": bare_step(first_amount=False),
}

if __name__ == "__main__":
    main("polars", STEPS)
