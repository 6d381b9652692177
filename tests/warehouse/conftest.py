"""Three warehouses that run queries, and the logs that all of them are asked about."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import polars as pl
import pytest

from tests.conftest import shared_file
from tests.warehouse.postgres_server import CannotRunError, find_program, running_server

POSTGRES_TYPES = {
    pl.String: "TEXT",
    pl.Int64: "BIGINT",
    pl.Float64: "DOUBLE PRECISION",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP",
}


class Warehouse(Protocol):
    """Somewhere that holds tables and runs queries."""

    dialect: str

    def load(self, name: str, table: pl.DataFrame, *, create: str | None = None) -> None:
        """Make a table of a frame, by a statement if there is one."""

    def run(self, statement: str) -> None:
        """Run a statement."""

    def ask(self, query: str) -> pl.DataFrame:
        """Run a query."""


class DuckDB:
    dialect = "duckdb"

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET threads = 2")

    def load(self, name: str, table: pl.DataFrame, *, create: str | None = None) -> None:
        self._connection.register("incoming", table.to_arrow())
        self.run(create or f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM incoming LIMIT 0')
        self.run(f'INSERT INTO "{name}" SELECT * FROM incoming')

    def run(self, statement: str) -> None:
        self._connection.execute(statement)

    def ask(self, query: str) -> pl.DataFrame:
        return self._connection.sql(query).pl()


class PostgreSQL:
    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def load(self, name: str, table: pl.DataFrame, *, create: str | None = None) -> None:
        kinds = [POSTGRES_TYPES[dtype.base_type()] for dtype in table.dtypes]
        quoted = [column.replace('"', '""') for column in table.columns]
        columns = ", ".join(f'"{c}" {k}' for c, k in zip(quoted, kinds, strict=True))
        self.run(f'DROP TABLE IF EXISTS "{name}"')
        self.run(create or f'CREATE TABLE "{name}" ({columns})')
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f'COPY "{name}" FROM STDIN') as copy,
        ):
            for row in table.iter_rows():
                copy.write_row(row)

    def run(self, statement: str) -> None:
        self._connection.execute(statement)

    def ask(self, query: str) -> pl.DataFrame:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            names = [column.name for column in cursor.description]
            rows = cursor.fetchall()
        return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


class Spark:
    dialect = "spark"

    def __init__(self, session: Any, folder: Path) -> None:
        self._session, self._folder = session, folder

    def load(self, name: str, table: pl.DataFrame, *, create: str | None = None) -> None:
        path = self._folder / f"{len(list(self._folder.iterdir()))}.parquet"
        table.write_parquet(path)
        frame = self._session.read.parquet(str(path))
        if create is None:
            frame.createOrReplaceTempView(name)
            return
        self.run(f"DROP TABLE IF EXISTS `{name}`")
        self.run(create)
        frame.write.insertInto(name)

    def run(self, statement: str) -> None:
        self._session.sql(statement)

    def ask(self, query: str) -> pl.DataFrame:
        return pl.DataFrame(pl.from_arrow(self._session.sql(query).toArrow()))


def one_worker(name: str) -> Any:
    """Return a parameter whose tests share a worker, so that one server or session is enough."""
    return pytest.param(name, marks=pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Warehouse]:
    if find_program("initdb") is None:
        pytest.skip("needs PostgreSQL: see tests/setup/postgres.sh")
    if sys.platform == "win32":
        pytest.skip("starts PostgreSQL on Linux and macOS alone")
    import psycopg

    with ExitStack() as stack:
        try:
            address = stack.enter_context(running_server())
        except CannotRunError as reason:
            pytest.skip(f"PostgreSQL does not start here: {reason}")
        yield PostgreSQL(stack.enter_context(psycopg.connect(address, autocommit=True)))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    pyspark = pytest.importorskip("pyspark", reason="needs PySpark")
    if os.system("java -version >/dev/null 2>&1") != 0:
        pytest.skip("needs Java for Spark")
    own = pyspark.sql.SparkSession.getActiveSession() is None
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("spark-warehouse")),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    builder = pyspark.sql.SparkSession.builder.master("local[2]").appName("clvmodels")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    tables = tmp_path_factory.mktemp("spark-tables")
    session.sql(f"CREATE DATABASE clv_tests LOCATION '{tables}'")
    session.sql("USE clv_tests")
    yield Spark(session, tmp_path_factory.mktemp("spark-files"))
    if own:
        session.stop()


@pytest.fixture(params=["duckdb", one_worker("postgres"), one_worker("spark")])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Every dialect that is executed, in turn."""
    return DuckDB() if request.param == "duckdb" else request.getfixturevalue(request.param)


# --- logs -------------------------------------------------------------------------------------


def nasty_log(n_customers: int = 300, *, seed: int = 7) -> pl.DataFrame:
    """Return orders with everything in them that the rules have a word for."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    start = date(2023, 11, 20)
    for customer in range(n_customers):
        first = int(rng.integers(0, 200))
        for _ in range(1 + int(rng.geometric(0.25))):
            day = start + timedelta(days=first + int(rng.integers(0, 250)))
            amount = float(rng.choice([0.0, 1.1, 19.99, 35.0, 0.1, 1234.56]))
            back = rng.random() < 0.3
            rows.append({"who": f"c{customer}", "when": day, "paid": -amount if back else amount})
            if rng.random() < 0.2:  # the same day again, perhaps all of it back
                again = -amount if rng.random() < 0.5 else float(rng.integers(1, 9)) / 3.0
                rows.append({"who": f"c{customer}", "when": day, "paid": again})
    day = start + timedelta(days=30)
    rows += [
        {"who": None, "when": day, "paid": 5.0},
        {"who": "  ", "when": day, "paid": 5.0},
        {"who": "", "when": day, "paid": 5.0},
        {"who": "c1", "when": None, "paid": 5.0},
        {"who": "c2", "when": day, "paid": None},
        {"who": "c3", "when": day, "paid": math.nan},
        {"who": "c4", "when": day, "paid": math.inf},
        {"who": "c5", "when": day, "paid": -math.inf},
        {"who": "refunds only", "when": day, "paid": -3.0},
        {"who": "free", "when": day, "paid": 0.0},
        {"who": "free", "when": day + timedelta(days=3), "paid": 0.0},
        {"who": "last day", "when": date(2024, 6, 30), "paid": 7.0},
        {"who": "later", "when": date(2024, 7, 1), "paid": 7.0},
        {"who": "Ärger'; --", "when": day, "paid": 7.0},
        {"who": "exact", "when": day, "paid": 0.1},
        {"who": "exact", "when": day + timedelta(days=1), "paid": 0.2},
        {"who": "exact", "when": day + timedelta(days=2), "paid": -0.3},
        {"who": "exact", "when": day + timedelta(days=9), "paid": 4.0},
        {"who": "exact", "when": day + timedelta(days=10), "paid": 4.0},
        {"who": "before 1970", "when": date(1969, 12, 28), "paid": 4.0},
        {"who": "before 1970", "when": date(1969, 12, 29), "paid": 4.0},
    ]
    schema = {"who": pl.String, "when": pl.Date, "paid": pl.Float64}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.sample(fraction=1.0, shuffle=True, seed=seed)


@pytest.fixture(scope="session")
def nasty() -> pl.DataFrame:
    return nasty_log()


@pytest.fixture(scope="session")
def cdnow() -> pl.DataFrame:
    path = shared_file("data/cdnow_transactions.csv")
    return pl.read_csv(path, try_parse_dates=True).select("customer_id", "date", "amount")


@pytest.fixture(scope="session")
def retail() -> pl.DataFrame:
    """Return the lines of some customers: every third one, to spend the time elsewhere."""
    path = shared_file("data/online_retail_2009_2010.parquet")
    lines = pl.read_parquet(path, columns=["Customer ID", "InvoiceDate", "Quantity", "Price"])
    known = pl.col("Customer ID").cast(pl.Int64)
    unknown = known.is_null() & (pl.int_range(pl.len()) % 50 == 0)
    moment = pl.col("InvoiceDate").str.to_datetime(time_unit="us")
    return lines.with_columns(known, moment).filter((known % 3 == 0) | unknown)


@pytest.fixture
def quietly() -> Callable[..., Any]:
    """Return a caller that ignores warnings of rows left out, which are the point here."""

    def call(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **options)

    return call


def stamps(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the table with days turned into moments, some a second before midnight."""
    second = pl.int_range(pl.len()) % 2 * 86_399
    moment = pl.col(name).cast(pl.Datetime("us")) + pl.duration(seconds=second)
    return table.with_columns(moment.alias(name))
