"""P(at least n purchases ahead) to 50 digits, by other formulas than the library's."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS

from .golden_files import Row, read_rows

FILE = "counts_ahead_grid.json"
PROMISE = 1e-11  # relative; small tails, too
NAMES = sorted({row["model"] for row in read_rows(FILE)})


def tail_of(row: Row) -> float:
    *values, last = row["values"]
    kind = MODELS[row["model"]]
    settings = {"k": int(last)} if kind.settings() else {}
    model = kind(*values, **settings) if settings else kind(*values, last)
    assert isinstance(model, PurchaseModel)
    customer = Customers.from_arrays([row["x"]], [row["t_x"]], [row["T"]], unit="week")
    n, t = np.array([float(row["n"])]), np.array([row["t"]])
    return float(model.tail_if_alive(customer, n, t)[0])


@pytest.mark.parametrize("name", NAMES)
def test_tails(name: str) -> None:
    rows = [row for row in read_rows(FILE) if row["model"] == name]
    for row in rows:
        assert tail_of(row) == pytest.approx(row["tail"], rel=PROMISE, abs=1e-290), row


def test_every_purchase_model_is_there() -> None:
    known = {name for name, kind in MODELS.items() if issubclass(kind, PurchaseModel)}
    assert set(NAMES) == known


def test_the_grid_has_small_tails_and_none() -> None:
    tails = [row["tail"] for row in read_rows(FILE)]
    assert min(each for each in tails if each) < 1e-20
    assert 0.0 in tails  # more renewals than there are opportunities
