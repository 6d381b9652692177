"""The main job on the CDNOW sample, from every kind of input, equals the Python library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import clvmodels as clv

# The same sums over the same customers, in another order where threads or files cut them.
SAME = 1e-9
UNTIL = ("--observed-until", "1997-09-30")


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet", "parts", "parts/*.parquet"])
def test_fit_and_predict_equal_the_library(
    run: Callable[..., Any], cdnow: Path, tmp_path: Path, name: str, summary_of: Callable[..., Any]
) -> None:
    saved, out = tmp_path / "model.json", tmp_path / "clv.parquet"
    fitted = run("fit", cdnow / name, "--model", saved, *UNTIL)
    assert fitted.code == 0, fitted.err
    expected = clv.BGNBD.fit(summary_of(cdnow / "orders.parquet"))
    models = clv.load(saved)
    np.testing.assert_allclose(models.purchases.model.values, expected.model.values, rtol=SAME)

    options = ("--horizon", "39w", "--discount-rate", 0.15, "--margin", 0.3)
    done = run("predict", cdnow / name, "--model", saved, "--out", out, *UNTIL, *options)
    assert done.code == 0, done.err
    wanted = models.predict(
        summary_of(pl.read_parquet(cdnow / "orders.parquet")),
        horizon="39w",
        discount_rate=0.15,
        margin=0.3,
    )
    table = pl.read_parquet(out)
    if name == "orders.csv":  # where ids are text, as they are written
        table = table.with_columns(pl.col("customer_id").cast(pl.Int64)).sort("customer_id")
    assert table.columns == wanted.columns
    for column in wanted.columns:
        np.testing.assert_allclose(table[column], wanted[column], rtol=SAME)


def test_fit_prints_what_the_library_prints(
    run: Callable[..., Any], cdnow: Path, model: Path, summary_of: Callable[..., Any]
) -> None:
    done = run("fit", cdnow / "orders.parquet", *UNTIL)
    saved = clv.load(model)
    assert str(saved.purchases) in done.out
    assert f"Gamma-Gamma: {saved.spend.n_customers:,.0f} customers" in done.out
    assert "identified: gradient" in done.out
    assert str(summary_of(cdnow / "orders.parquet").ledger) in done.out
    assert "--model model.json saves it" in done.err


@pytest.mark.parametrize("kind", ["MBGNBD", "ParetoNBD"])
def test_another_model_of_purchases(
    run: Callable[..., Any], cdnow: Path, tmp_path: Path, kind: str, summary_of: Callable[..., Any]
) -> None:
    saved = tmp_path / "model.json"
    orders = cdnow / "orders.parquet"
    done = run("fit", orders, "--purchases", kind, "--model", saved, *UNTIL)
    assert done.code == 0, done.err
    expected = getattr(clv, kind).fit(summary_of(orders))
    assert clv.load(saved).purchases.model == expected.model
    assert run("predict", orders, "--model", saved, *UNTIL).code == 0
    assert run("fit", orders, "--purchases", "NBD", *UNTIL).code == 2


def test_summarize_writes_csv_and_parquet(
    run: Callable[..., Any], cdnow: Path, tmp_path: Path, summary_of: Callable[..., Any]
) -> None:
    expected = summary_of(pl.read_parquet(cdnow / "orders.parquet")).frame
    for name, read in (("rfm.csv", pl.read_csv), ("rfm.parquet", pl.read_parquet)):
        done = run("summarize", cdnow / "orders.parquet", "--out", tmp_path / name, *UNTIL)
        assert done.code == 0, done.err
        assert "balances" in done.out
        table = read(tmp_path / name)
        assert table.columns == expected.columns
        for column in expected.columns:
            np.testing.assert_allclose(table[column], expected[column], rtol=SAME)


def test_options_of_the_summary_are_passed_on(
    run: Callable[..., Any], cdnow: Path, tmp_path: Path, summary_of: Callable[..., Any]
) -> None:
    out = tmp_path / "rfm.parquet"
    settings = {"unit": "month", "grid": "week", "returns": "drop", "observed_until": "1997-12-31"}
    options = [text for k, v in settings.items() for text in (f"--{k.replace('_', '-')}", v)]
    done = run("summarize", cdnow / "orders.csv", "--out", out, "--amount", "none", *options)
    assert done.code == 0, done.err
    expected = summary_of(cdnow / "orders.csv", amount=None, **settings)
    assert_frame_equal(
        pl.read_parquet(out), expected.frame.collect().sort("customer_id"), check_exact=True
    )


def test_without_amounts_only_purchases_are_fitted(
    run: Callable[..., Any], cdnow: Path, tmp_path: Path
) -> None:
    saved, out = tmp_path / "purchases.json", tmp_path / "scored.csv"
    done = run("fit", cdnow / "orders.csv", "--amount", "none", "--model", saved)
    assert done.code == 0
    assert "GammaGamma" not in done.out
    assert clv.load(saved).spend is None
    done = run("predict", cdnow / "orders.csv", "--model", saved, "--out", out)
    assert "amount '" not in done.err, "predict has no use for amounts and does not look for them"
    assert pl.read_csv(out).columns[-1] == "discounted_purchases"


def test_predict_without_amounts_leaves_out_value(
    run: Callable[..., Any], cdnow: Path, model: Path
) -> None:
    done = run("predict", cdnow / "orders.csv", "--model", model, "--amount", "none")
    assert done.code == 0
    assert "no value" in done.err
    assert "clv" not in done.out.splitlines()[2]


def test_predict_takes_newer_orders_and_never_fits(
    run: Callable[..., Any], cdnow: Path, model: Path, tmp_path: Path
) -> None:
    before = model.read_bytes()
    out = tmp_path / "clv.parquet"
    done = run("predict", cdnow / "orders.parquet", "--model", model, "--out", out)
    assert done.code == 0
    assert "observed until 1998-06-30" in done.out
    assert model.read_bytes() == before
    assert run("predict", cdnow / "orders.parquet", "--model", model, "--unit", "week").code == 0


@pytest.mark.parametrize("horizon", ["1y", "52", "1998-09-30", "inf"])
def test_horizons(
    run: Callable[..., Any], cdnow: Path, model: Path, horizon: str, summary_of: Callable[..., Any]
) -> None:
    from datetime import date

    arguments = ("--model", model, *UNTIL, "--horizon", horizon, "--discount-rate", 0.1, "--json")
    document = run("predict", cdnow / "orders.parquet", *arguments).document
    python = {"52": 52.0, "1998-09-30": date(1998, 9, 30), "inf": np.inf}.get(horizon, horizon)
    rfm = summary_of(pl.read_parquet(cdnow / "orders.parquet"))
    table = clv.load(model).predict(rfm, horizon=python, discount_rate=0.1)
    assert document["totals"]["clv"] == pytest.approx(table["clv"].sum(), rel=SAME)
    if horizon == "inf":
        assert table["expected_purchases"].null_count() == 2357
        assert document["totals"]["expected_purchases"] is None


def test_first_rows_on_the_screen(run: Callable[..., Any], cdnow: Path, model: Path) -> None:
    done = run("predict", cdnow / "orders.parquet", "--model", model, *UNTIL)
    rows = [line.split() for line in done.out.splitlines()[-10:]]
    worth = [float(row[-1].replace(",", "")) for row in rows]
    assert worth == sorted(worth, reverse=True)
    assert "--out clv.parquet writes all" in done.err
    done = run("summarize", cdnow / "orders.parquet", *UNTIL)
    assert "--out rfm.parquet writes all" in done.err
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_model_of_published_parameters_needs_a_unit(
    run: Callable[..., Any], cdnow: Path, tmp_path: Path
) -> None:
    saved = clv.save(clv.BGNBD(0.243, 4.414, 0.793, 2.426), tmp_path / "paper.json")
    done = run("predict", cdnow / "orders.parquet", "--model", saved, *UNTIL)
    assert done.code == 2
    assert "--unit week" in done.err
    assert run("predict", cdnow / "orders.csv", "--model", saved, "--unit", "week").code == 0
