"""Run the command line inside the test process, on the CDNOW orders of the papers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clvmodels.cli import main
from clvmodels.errors import MissingExtraError


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: exit code, standard output, standard error on one line."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs ``clvmodels ARGUMENTS...``."""

    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the 1/10 sample as orders.csv, orders.parquet and in monthly parts."""
    import polars as pl

    from clvmodels.datasets import load_cdnow

    try:
        orders = pl.from_pandas(load_cdnow(sample=True))
    except MissingExtraError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("cdnow")
    orders = orders.with_columns(pl.col("date").cast(pl.Date))
    orders.write_csv(folder / "orders.csv")
    orders.write_parquet(folder / "orders.parquet")
    (folder / "parts").mkdir()
    for (month,), part in orders.group_by(pl.col("date").dt.strftime("%Y-%m")):
        part.write_parquet(folder / "parts" / f"{month}.parquet")
    return folder


@pytest.fixture(scope="session")
def summary_of() -> Callable[..., Any]:
    """Return a function that summarises CDNOW orders by the Python library."""
    import clvmodels as clv

    def summarise(orders: Any, **options: Any) -> Any:
        settings = {"amount": "amount", "observed_until": "1997-09-30", "unit": "week"}
        return clv.rfm_summary(orders, customer="customer_id", date="date", **(settings | options))

    return summarise


@pytest.fixture(scope="session")
def model(cdnow: Path, summary_of: Callable[..., Any]) -> Path:
    """Return the saved fit of the sample to 1997-09-30, made by the Python library."""
    import clvmodels as clv

    rfm = summary_of(cdnow / "orders.parquet")
    fits = clv.CLVModel(clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm))
    return clv.save(fits, cdnow / "model.json")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a saved pair of models that nothing was fitted for."""
    import clvmodels as clv

    models = clv.CLVModel(clv.BGNBD(0.6, 20.0, 0.8, 2.4), clv.GammaGamma(6.0, 4.0, 15.0))
    return clv.save(models, tmp_path_factory.mktemp("model") / "model.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
