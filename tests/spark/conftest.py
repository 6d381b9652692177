"""A Spark session in this process, and the same question put to polars."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

# Said by PySpark 4.3 of pandas 3, which clvmodels does not use with it.
_PANDAS = "ignore:PySpark does not yet fully support pandas:FutureWarning"
ROUNDING = 1e-12  # the same numbers, added in another order


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(_PANDAS))
            item.add_marker(pytest.mark.xdist_group("spark"))  # one session is enough


@pytest.fixture(scope="session")
def java() -> None:
    """Skip where Spark cannot run."""
    pytest.importorskip("pyspark", reason="needs pyspark: pip install 'clvmodels[spark]'")
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").exists())):
        pytest.skip("needs Java 17 or newer for Spark, which is not installed")


@pytest.fixture(scope="session")
def spark(java: None) -> Iterator[Any]:
    """Return a session whose zone is nobody's, so that nothing depends on it by chance."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "Pacific/Marquesas",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",  # of stamps without a zone
    }
    builder = SparkSession.builder.master("local[2]").appName("clvmodels-tests")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def on_spark(spark: Any) -> Callable[[pl.DataFrame], Any]:
    """Return the way of a small polars frame to Spark."""
    level = pl.CompatLevel.oldest()
    return lambda frame: spark.createDataFrame(frame.to_arrow(compat_level=level))


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Any, Any], None]:
    """Return a comparison of a Spark frame with a polars one: columns, rows, numbers, missing."""

    def check(found: Any, wanted: Any) -> None:
        if isinstance(wanted, pl.LazyFrame):
            wanted = wanted.collect()
        table = pl.DataFrame(pl.from_arrow(found.toArrow()))
        assert table.columns == wanted.columns
        table, wanted = (each.sort(wanted.columns[0]) for each in (table, wanted))
        assert table[:, 0].to_list() == wanted[:, 0].to_list()
        for name in wanted.columns[1:]:
            ours, theirs = table[name], wanted[name]
            assert ours.is_null().to_list() == theirs.is_null().to_list(), name
            if theirs.dtype.is_numeric():
                a, b = (each.cast(pl.Float64).to_numpy() for each in (ours, theirs))
                np.testing.assert_allclose(a, b, rtol=ROUNDING, atol=0.0, err_msg=name)
            else:
                assert ours.to_list() == theirs.to_list(), name

    return check


@pytest.fixture(scope="session")
def assert_same_ledger() -> Callable[[Any, Any], None]:
    """Return a comparison of two ledgers, money up to rounding."""

    def check(found: Any, wanted: Any) -> None:
        assert found.balances
        assert [(e.what, e.rows, e.customers) for e in found.entries] == [
            (e.what, e.rows, e.customers) for e in wanted.entries
        ]
        for ours, theirs in zip(found.entries, wanted.entries, strict=True):
            a, b = ours.amount, theirs.amount
            assert (a is None) == (b is None)
            assert a is None or math.isclose(a, b, rel_tol=ROUNDING, abs_tol=1e-9)
        assert found.unmatched_refunds == pytest.approx(wanted.unmatched_refunds, rel=ROUNDING)

    return check
