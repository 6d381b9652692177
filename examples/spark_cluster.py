"""The whole job on a Spark cluster of one master and two workers, compared with polars.

Starts the cluster on this machine from the pip-installed PySpark, runs a parquet log of simulated
orders through summary, fits and predictions, and stops the cluster again. Needs Java 17 or newer.

    python examples/spark_cluster.py            a cluster
    python examples/spark_cluster.py --kill     the same, then again with a worker killed midway
    python examples/spark_cluster.py --local    one process, without a cluster
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import clvmodels as clv

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}
EXACT = 1e-12  # the two engines add the same numbers in another order
SAME_FIT = 1e-8  # and a fit stops where its gradient is small
PATIENCE = 300.0  # seconds that a busy machine may need to start a JVM
HOST = "127.0.0.1"
SHORT_LIFE = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # spend little on compiling a minute's work


# --- the job ----------------------------------------------------------------------------------


def job(
    log: Any,
    folder: Path,
    write: Callable[[Any, Path], None],
    *,
    midway: Callable[[], None] = lambda: None,
) -> clv.CLVModel:
    """Summarise, fit, predict, and write the predictions; the same on every engine."""
    rfm = clv.rfm_summary(log, **COLUMNS, observed_until="2024-12-31", unit="week")
    midway()
    rfm = rfm.store(folder / "summary")  # the log is read once for all that follows
    model = clv.CLVModel(clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm))
    write(model.predict(rfm, horizon="1y", discount_rate=0.10, margin=0.30), folder / "clv")
    return model


def spark_job(spark: Any, log: Path, folder: Path, **options: Any) -> clv.CLVModel:
    """Run the job on a Spark session; the executors write ``folder/clv``."""

    def write(table: Any, path: Path) -> None:
        table.write.parquet(str(path))

    return job(spark.read.parquet(str(log)), folder, write, **options)


def differences(model: clv.CLVModel, folder: Path, log: Path) -> list[str]:
    """Say in what Spark's result differs from that of polars; empty if in nothing."""
    with tempfile.TemporaryDirectory() as other:
        wanted = job(pl.scan_parquet(log / "*.parquet"), Path(other), pl.LazyFrame.sink_parquet)
        rfm = clv.rfm_summary(
            pl.scan_parquet(log / "*.parquet"), **COLUMNS, observed_until="2024-12-31", unit="week"
        )
        truth = model.predict(rfm, horizon="1y", discount_rate=0.10, margin=0.30).collect()
    found = []
    for part in ("purchases", "spend"):
        fits = (getattr(each, part).model for each in (model, wanted))
        ours, theirs = (np.array(list(vars(each).values())) for each in fits)
        if not np.allclose(ours, theirs, rtol=SAME_FIT, atol=0.0):
            found.append(f"{part}: {ours} and {theirs}")
    table = pl.read_parquet(folder / "clv" / "*.parquet")
    if table.columns != truth.columns or table.height != truth.height:
        return [*found, f"columns or rows: {table.shape} and {truth.shape}"]
    table, truth = table.sort("customer_id"), truth.sort("customer_id")
    for name in table.columns:
        a, b = (each[name].cast(pl.Float64).to_numpy() for each in (table, truth))
        if not np.allclose(a, b, rtol=EXACT, atol=0.0, equal_nan=True):
            found.append(f"{name}: up to {np.nanmax(np.abs(a / b - 1.0)):.1e} of its size")
    return found


def write_log(folder: Path, customers: int, *, files: int = 8, seed: int = 1) -> int:
    """Simulate a year of orders by BG/NBD and Gamma-Gamma into parquet files; return their rows."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 365, customers)
    rate = rng.gamma(0.6, 1.0 / 20.0, customers)  # a day
    leave = rng.beta(0.8, 2.4, customers)
    scale = rng.gamma(3.7, 1.0 / 15.0, customers)
    ids, days = [np.arange(customers)], [first]
    there, last = np.arange(customers), first.astype(float)
    while there.size:
        last = last + rng.exponential(1.0, there.size) / rate[there]
        stays = last < 366.0
        there, last = there[stays], last[stays]
        ids.append(there)
        days.append(last.astype(int))
        stays = rng.random(there.size) >= leave[there]
        there, last = there[stays], last[stays]
    who, day = np.concatenate(ids), np.concatenate(days)
    paid = np.round(rng.gamma(6.2, 1.0 / scale[who]) + 0.01, 2)
    table = pl.DataFrame({"customer_id": who, "day": day, "amount": paid}).select(
        "customer_id", date=pl.date(2024, 1, 1) + pl.duration(days="day"), amount="amount"
    )
    folder.mkdir(parents=True)
    for i in range(files):
        table.gather_every(files, i).write_parquet(folder / f"{i}.parquet")
    return table.height


# --- the cluster ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    """A running standalone cluster.

    Attributes
    ----------
    url : str
        Address of the master for `SparkSession.builder.master`.
    workers : tuple of Popen
        Processes of the workers, each the leader of a group with its executors.
    """

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """Start a master and workers of one core each on loopback, and stop them in any case."""
    port, page = _free_port(), _free_port()
    url = f"spark://{HOST}:{port}"
    master = ["master.Master", "--host", HOST, "--port", str(port), "--webui-port", str(page)]
    worker = ["worker.Worker", "--host", HOST, "--port", "0", "--webui-port", "0"]
    worker += ["--cores", "1", "--memory", "1g"]
    with ExitStack() as stack:
        stack.enter_context(_daemon(master, folder / "master"))
        _await(lambda: _alive(page) == 0, "the master")
        started = []
        for i in range(workers):
            options = [*worker, "--work-dir", str(folder / f"work-{i}"), url]
            started.append(stack.enter_context(_daemon(options, folder / f"worker-{i}")))
        _await(lambda: _alive(page) == workers, f"{workers} workers")
        yield Cluster(url, tuple(started))


@contextmanager
def _daemon(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a class of Spark's in a process group of its own, and end the group afterwards."""
    import pyspark

    home = Path(pyspark.__file__).parent
    name, *options = arguments
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "512m",
        "SPARK_DAEMON_JAVA_OPTS": SHORT_LIFE,
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for how, seconds in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 20.0)):
        try:
            os.killpg(process.pid, how)
            process.wait(seconds)
        except ProcessLookupError:  # nobody of the group is left
            return
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _alive(page: int) -> int | None:
    """Return the number of workers that the master knows, or None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{page}/json/", timeout=10) as answer:
            return int(json.load(answer)["aliveworkers"])
    except OSError:
        return None


def _await(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"Spark did not start {what} within {PATIENCE:.0f} seconds.")
        time.sleep(0.2)


@contextmanager
def session(master: str, *, partitions: int = 8) -> Iterator[Any]:
    """Open a session on a cluster (or ``local[2]``), all of it on loopback."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable  # workers run the driver's own Python
    os.environ["SPARK_LOCAL_IP"] = HOST
    settings = {
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.cores.max": "2",
        "spark.executor.memory": "800m",
        "spark.driver.extraJavaOptions": SHORT_LIFE,
        "spark.executor.extraJavaOptions": SHORT_LIFE,
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",  # begin with both workers
        "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{PATIENCE:.0f}s",
        "spark.sql.shuffle.partitions": str(partitions),
        # Small data in many tasks, so that a worker has some in hand whenever it is killed.
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
        "spark.sql.files.minPartitionNum": str(partitions),
        "spark.shuffle.io.retryWait": "1s",
    }
    builder = SparkSession.builder.master(master).appName("clvmodels")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


# --- a worker is lost -------------------------------------------------------------------------


class Killer(threading.Thread):
    """Kills a worker and its executor when a shuffle is written and the stage after it runs.

    What the executor had written for that stage is then lost and must be computed again.
    """

    def __init__(self, spark: Any, worker: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.tracker, self.worker = spark.sparkContext.statusTracker(), worker
        self.killed_in: int | None = None
        self.over = threading.Event()

    def run(self) -> None:
        """Wait for the moment, and kill."""
        written: set[int] = set()
        while self.killed_in is None and not self.over.is_set():
            for i in self.tracker.getActiveStageIds():
                stage = self.tracker.getStageInfo(i)
                if stage is None:
                    continue
                part = 0 < stage.numCompletedTasks < stage.numTasks
                if part and any(each < i for each in written):
                    os.killpg(self.worker.pid, signal.SIGKILL)
                    self.killed_in = i
                    return
                written.add(i)
            time.sleep(0.002)

    def stages_again(self) -> list[int]:
        """Return the stages from the kill on that were begun a second time."""
        assert self.killed_in is not None
        later = range(self.killed_in, self.killed_in + 50)
        infos = filter(None, map(self.tracker.getStageInfo, later))
        return [stage.stageId for stage in infos if stage.currentAttemptId > 0]


def run_with_kill(spark: Any, victim: subprocess.Popen[bytes], log: Path, folder: Path) -> str:
    """Run the job while a worker dies in the summary; return what happened in words."""
    killer = Killer(spark, victim)
    try:
        model = spark_job(spark, log, folder, midway=killer.start)
    finally:
        killer.over.set()
    if killer.killed_in is None:
        raise SystemExit("The job was over before a worker could be killed: take more customers.")
    _report(differences(model, folder, log))
    return f"killed in stage {killer.killed_in}, stages {killer.stages_again()} ran again"


def _report(found: list[str]) -> None:
    if found:
        raise SystemExit("Spark and polars differ. " + "; ".join(found))


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--local", action="store_true", help="one process instead of a cluster")
    parser.add_argument("--kill", action="store_true", help="a second run loses a worker")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows = write_log(folder / "orders", options.customers)
        print(f"{rows:,} orders of {options.customers:,} customers")
        url, workers = "local[2]", ()
        if not options.local:
            started = stack.enter_context(cluster(folder))
            url, workers = started.url, started.workers
            print(f"{len(workers)} workers")
        spark = stack.enter_context(session(url))
        begin = time.perf_counter()
        model = spark_job(spark, folder / "orders", folder / "first")
        print(f"job done in {time.perf_counter() - begin:.0f} s")
        _report(differences(model, folder / "first", folder / "orders"))
        print("same as polars")
        if options.kill:
            print(run_with_kill(spark, workers[0], folder / "orders", folder / "second"))
            print("same as polars without that worker")


if __name__ == "__main__":
    main()
