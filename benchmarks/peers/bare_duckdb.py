"""The physical limit in DuckDB: the same as in `bare_polars`, in SQL."""

from __future__ import annotations

import os

import duckdb

from benchmarks.peers.protocol import Action, Job, Step, main

SCAN = "select sum(customer_id), max(date), sum(amount) from read_parquet('{log}')"
SUMMARY = """
copy (
    select customer_id, count(*) as occasions, min(date) as first, max(date) as last,
           sum(amount) as amount{first}
    from (
        select customer_id, date, sum(amount) as amount
        from read_parquet('{log}') group by customer_id, date
    )
    group by customer_id
) to '{out}' (format parquet)
"""
FIRST = ", arg_min(amount, date) as first_amount"


def query_step(query: str, *, first: str = "") -> Step:
    def prepare(job: Job) -> Action:
        connection = duckdb.connect()
        connection.execute(f"set threads = {int(os.environ['BENCH_THREADS'])}")
        text = query.format(log=job.log, out=job.out / "bare.parquet", first=first)

        def action() -> dict[str, float]:
            connection.execute(text).fetchall()
            return {}

        return action

    return prepare


STEPS: dict[str, Step] = {
    "scan": query_step(SCAN),
    "bare summary": query_step(SUMMARY, first=FIRST),
    "bare summary, no first amount": query_step(SUMMARY),
}

if __name__ == "__main__":
    main("duckdb", STEPS)
