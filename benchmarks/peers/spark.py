"""clvmodels on Spark, on this machine: the bytes that it shuffles, collects and writes.

Time and memory of this step are those of Python alone: Spark runs in a process of its own. Bytes
read are those of the files: Spark's own count of them misses vectorised reads of local parquet.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

import clvmodels as clv
from benchmarks.peers.protocol import Action, Job, Step, main

# Of a task's metrics, what is kept: name here, then where Spark logs it.
METRICS = {
    "shuffled": ("Shuffle Write Metrics", "Shuffle Bytes Written"),
    "shuffled rows": ("Shuffle Write Metrics", "Shuffle Records Written"),
    "written": ("Output Metrics", "Bytes Written"),
    "collected": ("Result Size",),
    "spilled": ("Disk Bytes Spilled",),
}


def session(events: Path) -> SparkSession:
    """Start Spark in this process, with a log of what every task does."""
    settings = {
        "spark.master": f"local[{os.environ['BENCH_THREADS']}]",
        "spark.driver.memory": "4g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.sql.shuffle.partitions": "8",
    }
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def run_job(spark: SparkSession, job: Job) -> None:
    """Go from orders to predictions, naming each phase in the log."""
    columns = {"customer": "customer_id", "date": "date", "amount": "amount", "unit": "week"}

    def phase(name: str) -> None:
        spark.sparkContext.setJobGroup(name, name)

    phase("audit")
    orders = spark.read.parquet(str(job.log))
    lazy = clv.rfm_summary(orders, **columns, observed_until=job.observed_until)
    phase("summary")
    rfm = lazy.store(job.out / "spark-summary.parquet")
    phase("fit BG/NBD")
    purchases = clv.BGNBD.fit(rfm)
    phase("fit Gamma-Gamma")
    spend = clv.GammaGamma.fit(rfm)
    phase("lookup")
    table = clv.predict(rfm, purchases, spend, horizon="1y", discount_rate=0.10)
    phase("predict")
    table.write.parquet(str(job.out / "spark-predictions.parquet"))


def traffic(lines: Iterable[str]) -> dict[str, float]:
    """Add up the metrics of all tasks by phase, from Spark's log of events."""
    phases: dict[int, str] = {}
    total: dict[str, float] = defaultdict(float)
    for line in lines:
        event: dict[str, Any] = json.loads(line)
        if event["Event"] == "SparkListenerStageSubmitted":
            group = (event.get("Properties") or {}).get("spark.jobGroup.id", "other")
            phases[event["Stage Info"]["Stage ID"]] = group
        if event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
            for name, path in METRICS.items():
                value: Any = event["Task Metrics"]
                for key in path:
                    value = value[key]
                total[f"{phases[event['Stage ID']]}: {name}"] += value
    return dict(total)


def traffic_step(job: Job) -> Action:
    def action() -> dict[str, float]:
        with tempfile.TemporaryDirectory(dir=job.out) as made:
            folder = Path(made)
            events = folder / "events"
            events.mkdir()
            spark = session(events)
            run_job(spark, Job(**vars(job) | {"out": folder}))
            spark.stop()
            (log,) = events.iterdir()
            with log.open(encoding="utf-8") as lines:
                return traffic(lines)

    return action


STEPS: dict[str, Step] = {"traffic": traffic_step}

if __name__ == "__main__":
    main("pyspark", STEPS)
