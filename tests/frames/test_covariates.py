"""Covariates on every engine: joined, collected as patterns, and back in predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels import DataError, MissingColumnError, ParameterError

ENGINES = ("pandas", "pandas-arrow", "polars", "pyarrow", "polars-lazy", "duckdb")


def on(engine: str, table: pd.DataFrame) -> Any:
    """The table on an engine."""
    import polars as pl

    if engine == "pandas":
        return table
    if engine == "pandas-arrow":
        return table.convert_dtypes(dtype_backend="pyarrow")
    if engine == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        return duckdb.connect().from_df(table)
    frame = pl.from_pandas(table)
    if engine == "pyarrow":
        return frame.to_arrow()
    return frame.lazy() if engine == "polars-lazy" else frame


def to_pandas(native: Any) -> pd.DataFrame:
    import narwhals as nw

    frame = nw.from_native(native)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect("polars")
    return frame.to_pandas().sort_values("customer_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A finished summary of 800 customers with a category, a number and a flag."""
    rng = np.random.default_rng(0)
    c = clv.BGNBD(0.8, 6.0, 0.9, 3.5).simulate(800, 52.0, seed=1, unit="week")
    spent = clv.GammaGamma(6.0, 4.0, 15.0).simulate(c, seed=2).spend[1]
    x, t_x, T = c.timing
    return pd.DataFrame(
        {
            "customer_id": np.arange(800),
            "frequency": x.astype(int),
            "recency": np.round(t_x, 1) + 0.1 * ((x > 0) & (np.round(t_x, 1) == 0)),
            "T": T,
            "monetary_value": spent,
            "channel": rng.choice(["shop", "web", "app"], 800),
            "age": rng.integers(20, 30, 800),
            "loyal": rng.random(800) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def expected(table: pd.DataFrame) -> pd.DataFrame:
    return to_pandas(_predicted(clv.CustomerSummary.from_frame(table, unit="week")))


FORMULAS = {"purchase": "channel + age", "dropout": "loyal"}


def _predicted(rfm: clv.CustomerSummary) -> Any:
    purchases = clv.BGNBD.fit(rfm, **FORMULAS)
    spend = clv.GammaGamma.fit(rfm, spend="channel + age")
    return clv.predict(rfm, purchases, spend, horizon="1y", discount_rate=0.1, margin=0.3)


@pytest.mark.parametrize("engine", ENGINES)
def test_fit_and_predict(engine: str, table: pd.DataFrame, expected: pd.DataFrame) -> None:
    rfm = clv.CustomerSummary.from_frame(on(engine, table), unit="week")
    found = to_pandas(_predicted(rfm))
    for column in ("p_alive", "expected_purchases", "expected_spend", "clv"):
        assert found[column].to_numpy(float) == pytest.approx(
            expected[column].to_numpy(float), rel=1e-8
        )
    assert found["channel"].tolist() == expected["channel"].tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_joining_a_customer_table(engine: str, table: pd.DataFrame, expected: pd.DataFrame) -> None:
    bare = table[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    known = table[["customer_id", "channel", "age", "loyal"]].sample(frac=1.0, random_state=1)
    known = known.rename(columns={"customer_id": "who"}).reset_index(drop=True)
    if engine == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect()
        left, right = connection.from_df(bare), connection.from_df(known)
    else:
        left, right = on(engine, bare), on(engine, known)
    rfm = clv.CustomerSummary.from_frame(left, unit="week").with_covariates(right, customer="who")
    found = to_pandas(_predicted(rfm))
    assert found["clv"].to_numpy(float) == pytest.approx(expected["clv"].to_numpy(float), rel=1e-8)


def test_a_pandas_table_joins_any_eager_frame(table: pd.DataFrame) -> None:
    bare = table[["customer_id", "frequency", "recency", "T"]]
    known = table[["customer_id", "channel"]]
    for engine in ("polars", "pyarrow", "polars-lazy"):
        rfm = clv.CustomerSummary.from_frame(on(engine, bare), unit="week").with_covariates(known)
        assert clv.BGNBD.fit(rfm, purchase="channel").names[-1] == "purchase: channel[T.web]"


def test_the_caller_s_frames_stay(table: pd.DataFrame) -> None:
    bare, known = table[["customer_id", "frequency", "recency", "T"]], table[["customer_id", "age"]]
    before, also = bare.copy(), known.copy()
    clv.CustomerSummary.from_frame(bare, unit="week").with_covariates(known)
    pd.testing.assert_frame_equal(bare, before)
    pd.testing.assert_frame_equal(known, also)


@pytest.mark.parametrize("engine", ["pandas", "polars-lazy", "duckdb"])
def test_what_is_refused(engine: str, table: pd.DataFrame) -> None:
    bare = table[["customer_id", "frequency", "recency", "T"]]
    known = table[["customer_id", "channel"]]
    if engine == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect()
        put = connection.from_df
    else:

        def put(frame: pd.DataFrame) -> Any:
            return on(engine, frame)

    rfm = clv.CustomerSummary.from_frame(put(bare), unit="week")
    with pytest.raises(DataError, match=r"1 are not there \(0\)"):
        rfm.with_covariates(put(known.iloc[1:]))
    with pytest.raises(DataError, match=r"1 ids are there more often \(5\)"):
        rfm.with_covariates(put(pd.concat([known, known.iloc[5:6]])))
    with pytest.raises(DataError, match="already has 'T'"):
        rfm.with_covariates(put(known.rename(columns={"channel": "T"})))
    with pytest.raises(MissingColumnError, match="Did you mean 'customer_id'"):
        rfm.with_covariates(put(known), customer="custmer_id")
    with pytest.raises(MissingColumnError, match=r"covariate column.*'channel'"):
        clv.BGNBD.fit(rfm, purchase="channel")
    holes = known.assign(channel=known["channel"].where(known.index != 3, None))
    with pytest.raises(DataError, match="1 rows lack 'channel'"):
        clv.BGNBD.fit(rfm.with_covariates(put(holes)), purchase="channel")


@pytest.mark.parametrize("engine", ENGINES)
def test_ids_of_another_type_and_dates(engine: str, table: pd.DataFrame) -> None:
    bare = table[["customer_id", "frequency", "recency", "T"]]
    known = pd.DataFrame({"customer_id": table.customer_id.astype(str), "age": table.age})
    when = pd.DataFrame({"customer_id": table.customer_id, "day": pd.Timestamp("2024-01-01")})
    if engine == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect()
        frames = [connection.from_df(each) for each in (bare, known, when)]
    else:
        frames = [on(engine, each) for each in (bare, known, when)]
    rfm = clv.CustomerSummary.from_frame(frames[0], unit="week")
    with pytest.raises(DataError, match="Ids have one type"):
        rfm.with_covariates(frames[1])
    with pytest.raises(DataError, match="'day' holds"):
        clv.BGNBD.fit(rfm.with_covariates(frames[2]), purchase="day")


def test_unseen_levels_are_refused_at_prediction(table: pd.DataFrame) -> None:
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    fit = clv.BGNBD.fit(rfm, purchase="channel")
    other = table.assign(channel=table["channel"].replace("web", "tv"))
    new = clv.CustomerSummary.from_frame(other, unit="week")
    with pytest.raises(DataError, match="channel 'tv'; seen were 'app', 'shop', 'web'"):
        clv.predict(new, fit, horizon="1y")


def test_engines_that_do_not_meet(table: pd.DataFrame) -> None:
    bare, known = table[["customer_id", "frequency", "recency", "T"]], table[["customer_id", "age"]]
    rfm = clv.CustomerSummary.from_frame(on("polars", bare), unit="week")
    with pytest.raises(DataError, match="on the engine of the summary"):
        rfm.with_covariates(on("duckdb", known))


@pytest.mark.parametrize("engine", ["pandas", "polars-lazy", "duckdb"])
def test_spend_as_a_price(engine: str, table: pd.DataFrame) -> None:
    rfm = clv.CustomerSummary.from_frame(on(engine, table), unit="week")
    model = clv.BGNBD(0.8, 6.0, 0.9, 3.5)
    counted = to_pandas(clv.predict(rfm, model, horizon="1y"))["discounted_purchases"]
    fixed = to_pandas(clv.predict(rfm, model, 9.5, horizon="1y", margin=0.5))
    assert fixed["clv"].to_numpy() == pytest.approx(counted.to_numpy() * 9.5 * 0.5)
    by_column = to_pandas(clv.predict(rfm, model, "age", horizon="1y"))
    assert by_column["clv"].to_numpy() == pytest.approx((counted * table["age"]).to_numpy())
    with pytest.raises(ParameterError, match="Got -1"):
        clv.predict(rfm, model, -1.0, horizon="1y")
    with pytest.raises(ParameterError, match="'monetary_value' are missing"):
        clv.predict(rfm, model, "monetary_value", horizon="1y")
    with pytest.raises(ParameterError, match="'channel' has type"):
        clv.predict(rfm, model, "channel", horizon="1y")


def test_a_price_is_saved_with_the_model(table: pd.DataFrame, tmp_path: Any) -> None:
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    pair = clv.CLVModel(clv.BGNBD(0.8, 6.0, 0.9, 3.5), "age")
    loaded = clv.load(clv.save(pair, tmp_path / "m.json"))
    assert loaded.spend == "age"
    assert loaded.predict(rfm, horizon="1y")["clv"].tolist() == pytest.approx(
        pair.predict(rfm, horizon="1y")["clv"].tolist()
    )


@pytest.mark.parametrize("name", ["weight", "_x", "_cell", "_band", "_1", "_2", "_m", "_", "_by0"])
def test_covariates_may_have_any_name(name: str) -> None:
    import polars as pl

    rng = np.random.default_rng(5)
    x = rng.poisson(1.0, 80).astype(float)
    kind = np.where(np.arange(80) % 2, "a", "b")
    table = pl.DataFrame(
        {
            "customer_id": np.arange(80), "frequency": x, "recency": np.where(x > 0, 3.0 + x, 0.0),
            "T": 20.0 + np.arange(80) % 7, "monetary_value": np.exp(rng.normal(3.0, 0.5, 80)),
            name: kind,
        }
    )  # fmt: skip
    eager, lazy = (
        clv.CustomerSummary.from_frame(frame, unit="week") for frame in (table, table.lazy())
    )
    for columns in (("frequency", "recency", "T"), ("frequency", "monetary_value")):
        one, other = (rfm.patterns((*columns, name)) for rfm in (eager, lazy))
        for level in "ab":
            counted = [c.weight[c.covariates[name] == level].sum() for c in (one, other)]
            assert counted == pytest.approx([40.0, 40.0], rel=1e-13)
