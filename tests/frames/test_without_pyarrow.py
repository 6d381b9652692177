"""pyarrow is an extra: what leads to decisions works where it is not installed."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import sys
    sys.modules["pyarrow"] = None  # as where it is not installed
    import warnings
    from pathlib import Path
    import numpy as np, pandas as pd, polars as pl
    import clvmodels as clv
    from clvmodels.cli.deciding import write_table
    warnings.simplefilter("ignore", clv.DataWarning)
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(300), 1 + rng.poisson(rng.gamma(0.9, 3.0, 300)))
    days = rng.integers(0, 500, len(who))
    orders = {
        "who": who.tolist(),
        "when": [str(each) for each in np.datetime64("2023-01-01") + days],
        "paid": np.round(rng.gamma(4.0, 9.0, len(who)), 2).tolist(),
        "shop": np.where(who % 3 == 0, "web", "store").tolist(),
        "arm": np.where(who % 2 == 0, "a", "b").tolist(),
    }
    log = LIBRARY(orders)
    k = {"customer": "who", "date": "when"}
    named = {**k, "amount": "paid", "unit": "week"}
    rfm = clv.rfm_summary(log, **named).collect()
    rfm = rfm.with_covariates(clv.customer_labels(log, **k, by="shop")).with_cohorts()
    models = clv.MBGNBD.fit(rfm), clv.GammaGamma.fit(rfm)
    both = ["shop", "cohort"]
    terms = {"horizon": "1y", "margin": 0.3}
    found = [
        clv.audit(log, *models, **named, by="shop"),
        clv.cohorts(log, *models, **named, by="shop"),
        clv.unit_economics(rfm, *models, cac=9.0, by=both, **terms),
        clv.segment(rfm, *models, by="shop", interval=None, **terms),
        clv.what_if(*models, rfm, purchase_rate="+5%", by=both, **terms),
        clv.explain(rfm, *models, by=both, **terms),
        clv.compare_groups(log, **named, group="arm", horizon="2y"),
    ]
    for each in found:
        str(each), each._repr_html_()
    table = pd.DataFrame({"a": ["x", None], "b": [1.5, np.nan], "c": [True, False], "d": [1, 2]})
    write_table(table, Path(sys.argv[1]))
    assert pl.read_csv(sys.argv[1]).rows() == [("x", 1.5, True, 1), (None, None, False, 2)]
    few = pd.DataFrame({"who": range(300), "kind": ["x", "y"] * 150})
    lazy = clv.rfm_summary(pl.LazyFrame(orders), **named).with_covariates(few)
    assert set(lazy.collect().frame["kind"]) == {"x", "y"}
    print("done")
"""


@pytest.mark.parametrize(
    "library",
    ["pd.DataFrame", "pl.DataFrame", pytest.param("pl.LazyFrame", marks=pytest.mark.slow)],
)
def test_decisions_without_pyarrow(library: str, tmp_path) -> None:
    script = textwrap.dedent(SCRIPT).replace("LIBRARY", library)
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "table.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.strip() == "done"
