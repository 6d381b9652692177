"""`clvmodels economics` and `clvmodels segment`: what the library says, from orders in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import clvmodels as clv

if TYPE_CHECKING:
    from tests.cli.conftest import Run

LOG = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
SHELL = (
    "--customer",
    "Customer ID",
    "--date",
    "InvoiceDate",
    "--amount",
    "Quantity*Price",
    "--unit",
    "week",
)
TERMS: dict[str, Any] = {"horizon": "8w", "margin": 0.3}
IN_SHELL = ("--horizon", "8w", "--discount-rate", "0", "--margin", "0.3")


@pytest.fixture(scope="module")
def shop(online_retail: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the rows of two countries of Online Retail, and models for them."""
    folder = tmp_path_factory.mktemp("shop")
    rows = online_retail.filter(pl.col("Country").is_in(["France", "Spain"]))
    rows.write_parquet(folder / "orders.parquet")
    models = clv.CLVModel(clv.MBGNBD(0.9, 9.0, 0.3, 1.4), clv.GammaGamma(2.1, 3.6, 450.0))
    clv.save(models, folder / "model.json")
    return folder


def customers_of(shop: Path) -> clv.CustomerSummary:
    rows = pl.read_parquet(shop / "orders.parquet")
    rfm = clv.rfm_summary(rows, **LOG, unit="week")
    labels = clv.customer_labels(rows, customer=LOG["customer"], date=LOG["date"], by="Country")
    return rfm.with_covariates(labels).with_covariates(clv.historical_value(rows, **LOG))


def test_economics_are_those_of_the_library(shop: Path, run: Run):
    costs = pl.DataFrame({"Country": ["France", "Spain"], "cac": [120.0, 900.0]})
    costs.write_csv(shop / "costs.csv")
    found = run(
        "economics",
        shop / "orders.parquet",
        *SHELL,
        *IN_SHELL,
        "--model",
        shop / "model.json",
        "--by",
        "Country",
        "--cac",
        shop / "costs.csv",
        "--cost-per-order",
        "2",
        "--json",
        "--out",
        shop / "table.csv",
    )
    assert found.code == 0, found.err
    models: Any = clv.load(shop / "model.json")
    library = clv.unit_economics(
        customers_of(shop),
        models,
        cac=costs,
        by="Country",
        cost_per_order=2.0,
        history="historical_value",
        first_order="first_order",
        **TERMS,
    )
    rows = found.document["table"]
    assert [row["Country"] for row in rows] == ["France", "Spain"]
    for name in ("customers", "cac", "ltv", "lower", "upper", "ltv_to_cac", "payback"):
        assert [row[name] for row in rows] == pytest.approx(library.table[name].tolist())
    assert found.document["basis"] == "acquired"
    assert len(found.document["new_customers"]) == 2
    assert found.document["verdict"] == library.verdict
    assert pl.read_csv(shop / "table.csv")["ltv"].to_list() == pytest.approx(
        library.table["ltv"].tolist()
    )


def test_realised_value_and_a_number_for_all(shop: Path, run: Run):
    found = run(
        "economics",
        shop / "orders.parquet",
        *SHELL,
        *IN_SHELL,
        "--model",
        shop / "model.json",
        "--cohort",
        "quarter",
        "--cac",
        "50",
        "--basis",
        "realised",
        "--within",
        "13w",
    )
    assert found.code == 0, found.err
    assert "up to the same age" in found.out
    assert "2010 Q1" in found.out


def test_segments_are_those_of_the_library(shop: Path, run: Run):
    found = run(
        "segment",
        shop / "orders.parquet",
        *SHELL,
        *IN_SHELL,
        "--model",
        shop / "model.json",
        "--by",
        "Country",
        "--tiers",
        "top=0.2,rest=0.8",
        "--given-up",
        "4",
        "--interval",
        "0",
        "--response-rate",
        "slipping=0.2,at risk=0.1,lost=0.05",
        "--contact-cost",
        "1.5",
        "--json",
        "--out",
        shop / "customers.parquet",
        "--reactivation",
        shop / "letters.csv",
    )
    assert found.code == 0, found.err
    models: Any = clv.load(shop / "model.json")
    library = clv.segment(
        customers_of(shop),
        models,
        by="Country",
        tiers={"top": 0.2, "rest": 0.8},
        interval=None,
        costs=clv.StateCosts(given_up=4.0),
        history="historical_value",
        largest_order="largest_order",
        contact_cost=1.5,
        response_rate={"slipping": 0.2, "at risk": 0.1, "lost": 0.05},
        **TERMS,
    )
    assert found.document["lost_below"] == 0.2
    ours = pl.DataFrame(found.document["table"]).select("Country", "tier", "state", "customers")
    wanted = pl.from_pandas(library.table).select("Country", "tier", "state", "customers")
    assert ours.rows() == wanted.rows()
    written = pl.read_parquet(shop / "customers.parquet")
    assert written["reasons"].to_list() == library.customers["reasons"].to_list()
    assert written["rfm_cell"].to_list() == library.customers["rfm_cell"].to_list()
    assert pl.read_csv(shop / "letters.csv").height == len(library.reactivation)
    assert found.document["reactivation_customers"] == len(library.reactivation)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("economics", "--cac", "cheap"), "--cac is a number"),
        (("economics", "--cac", "5", "--within", "13w"), "Realised value"),
        (("segment", "--tiers", "top=a"), "--tiers is a number"),
        (("segment", "--given-up", "0"), "above zero"),
        (("segment", "--out", "x.txt"), ".parquet or .csv"),
    ],
)
def test_bad_options_are_told(shop: Path, run: Run, arguments: tuple[str, ...], words: str):
    command, *rest = arguments
    found = run(command, shop / "orders.parquet", *SHELL, "--model", shop / "model.json", *rest)
    assert found.code == 2
    assert words in found.err.replace("\n", " ")
