"""`clvmodels audit`: with a saved model, without any, on a kept summary, and when it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.cli import main

COLUMNS = {"customer": "customer", "date": "date", "amount": "amount"}


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    people = clv.BGNBD(0.8, 5.0, 0.9, 3.0).simulate(200, 60.0, seed=4, unit="week")
    rng, rows = np.random.default_rng(4), []
    for who, (x, last) in enumerate(zip(people.frequency, people.timing[1], strict=True)):
        days = {0, *(int(last * 7 * (i + 1) / x) for i in range(int(x)))}
        mean = 30.0 / rng.gamma(3.0)
        rows += [(who, day, round(mean * rng.gamma(6.0), 2)) for day in sorted(days)]
    frame = pl.DataFrame(rows, schema=["customer", "day", "amount"], orient="row")
    date = pl.date(2023, 1, 1) + pl.duration(days=pl.col("day"))
    return frame.select("customer", date.alias("date"), "amount")


@pytest.fixture(scope="module")
def source(orders: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "orders.csv"
    orders.write_csv(path)
    return path


def run(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, " ".join(said.err.split())


def test_saved_model(orders, source, tmp_path, capsys):
    rfm = clv.rfm_summary(orders, **COLUMNS, unit="week")
    models = clv.CLVModel(clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm))
    clv.save(models, tmp_path / "model.json")
    terms = ("--model", tmp_path / "model.json", "--horizon", "1y", "--margin", "0.3")
    code, out, _ = run(capsys, "audit", source, *terms, "--json", "-q")
    assert code == 0
    document = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    found = clv.audit(orders, models, **COLUMNS, horizon="1y", margin=0.3)
    for name in ("model_clv", "model_new_customer", "textbook_churn", "revenue"):
        assert document["totals"][name] == pytest.approx(found.totals[name][0], rel=1e-9)
    assert document["definitions"] == found.definitions
    assert len(document["explained"]) == len(found.explained)
    assert document["horizon"] == "1y"
    assert document["notes"] == list(found.notes)


def test_too_few_to_fit(tmp_path, capsys):
    path = tmp_path / "two.csv"
    path.write_text("customer,date,amount\na,2024-01-01,5\nb,2024-01-05,7\n")
    code, out, err = run(capsys, "audit", path, "--out", tmp_path / "audit.parquet")
    assert code == 0
    assert "2 customers, 2 orders, revenue 12.00" in out
    assert "No value by a model" in err
    written = pl.read_parquet(tmp_path / "audit.parquet")
    assert written.columns == ["scope", "cohort", "measure", "number", "kind", "meaning"]
    revenue = written.filter(pl.col("measure") == "revenue")
    assert revenue.select("scope", "cohort", "number").rows() == [
        ("all", None, 12.0), ("cohort", "2024 Q1", 12.0),
    ]  # fmt: skip


def test_kept_summary(source, tmp_path, capsys):
    state = tmp_path / "state"
    assert run(capsys, "update", state, source, "-q")[0] == 0
    code, out, _ = run(capsys, "audit", state, "--no-value", "-q")
    assert code == 0
    assert "no single orders" in " ".join(out.split())
    code, _, err = run(capsys, "audit", state, "--order", "number")
    assert code == 2
    assert "kept summary" in err


def test_a_wrong_column_is_named(source, capsys):
    code, _, err = run(capsys, "audit", source, "--by", "custmer")
    assert code == 2
    assert "'customer'" in err
