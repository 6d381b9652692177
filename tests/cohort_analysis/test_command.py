"""`clvmodels cohorts`: the numbers of Python, to the screen, a file and as JSON."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import clvmodels as clv
from clvmodels.cli.app import app

NAMES = ["--customer", "who", "--date", "when", "--amount", "paid"]


@pytest.fixture(scope="module")
def orders(shop, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cohorts") / "orders.parquet"
    shop.seen.with_columns(shop=(shop.seen["who"] % 2).cast(str)).write_parquet(path)
    return path


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["cohorts", *arguments])
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def test_observed_by_a_column(orders, columns, tmp_path):
    out = tmp_path / "cohorts.csv"
    options = ["--by", "shop", "--no-project", "--observed-until", "2020-09-30"]
    told = json.loads(run(str(orders), *NAMES, *options, "--json", "--out", str(out)))
    wanted = clv.cohorts(orders, **columns, by="shop", observed_until="2020-09-30")
    assert told["common_age"] == wanted.common_age == 1
    assert told["sentences"] == list(wanted.sentences)
    found = pd.DataFrame(told["table"])
    np.testing.assert_allclose(found["cumulative_value"], wanted.table["cumulative_value"])
    written = pd.read_csv(out)
    assert list(written.columns) == list(wanted.table.columns)
    np.testing.assert_allclose(written["active"], wanted.table["active"])


def test_projected_by_a_saved_model(orders, columns, fits, tmp_path):
    model = tmp_path / "model.json"
    clv.save(clv.CLVModel(*fits), model)
    options = ["--model", str(model), "--observed-until", "2020-09-30", "--ahead", "1"]
    told = json.loads(run(str(orders), *NAMES, *options, "--json"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        wanted = clv.cohorts(orders, *fits, **columns, observed_until="2020-09-30", ahead=1)
    found = pd.DataFrame(told["table"])
    for name in ("active", "cumulative_value", "upper"):
        left, right = found[name].astype(float), wanted.table[name]
        np.testing.assert_allclose(left, right, rtol=1e-9)
    assert told["model"] == str(model)


def test_errors_are_in_the_words_of_the_shell(orders):
    text = run(str(orders), *NAMES, "--cohort", "month", "--period", "year", code=2)
    assert "--period month" in " ".join(text.split())
    run(str(orders), *NAMES, "--no-project", "--by", "nothing", code=2)
