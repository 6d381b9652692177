"""Tables of diagnostics on Spark are those of polars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import clvmodels as clv
from clvmodels import BGNBD, GammaGamma
from clvmodels.diagnostics import spend_distribution, tracking

ROUNDING = 1e-9


def test_tables_are_those_of_polars(on_spark: Callable[[pl.DataFrame], Any]) -> None:
    rng = np.random.default_rng(6)
    who = np.repeat(np.arange(40), 1 + rng.poisson(3.0, 40))
    days = [date(2023, 1, 1) + timedelta(int(each)) for each in rng.integers(0, 180, len(who))]
    log = pl.DataFrame({"who": who, "day": days, "paid": rng.gamma(3.0, 10.0, len(who)).round(2)})
    columns = {"customer": "who", "date": "day", "amount": "paid"}
    model, cut = BGNBD(0.5, 5.0, 0.3, 2.4), "2023-03-31"
    found, wanted = (
        tracking(each, model, **columns, unit="week", calibration_end=cut).table
        for each in (on_spark(log), log)
    )
    pd.testing.assert_frame_equal(found, wanted, rtol=ROUNDING, atol=0.0)
    spend = GammaGamma(3.0, 4.0, 30.0)
    found, wanted = (
        spend_distribution(clv.rfm_summary(each, **columns, unit="week"), spend).table
        for each in (on_spark(log), log)
    )
    pd.testing.assert_frame_equal(found, wanted, rtol=ROUNDING, atol=0.0)
