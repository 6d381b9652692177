"""Fits that fail or are at a limit, logs that lack something, and arguments that cannot be."""

from __future__ import annotations

import pickle
import warnings
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from clvmodels import BGNBD, MBGNBD, GammaGamma

ORIGIN = date(2023, 12, 10)
QUICK = {"origins": [ORIGIN], "cohort": None, "interval": None}


def fails(rfm: clv.CustomerSummary) -> Any:
    raise clv.ConvergenceError("No maximum was found.", place="For a test.")


def verdicts(result: clv.Backtest) -> dict[tuple[str, str], str]:
    fits = result.fits
    return dict(zip(zip(fits["model"], fits["part"], strict=True), fits["verdict"], strict=True))


def test_a_fit_that_fails_is_told_and_the_rest_goes_on(log: pl.DataFrame, run: Any) -> None:
    result = run(log, models={"broken": fails, "BG/NBD": BGNBD}, **QUICK)
    assert verdicts(result)["broken", "purchases"] == "failed"
    assert verdicts(result)["BG/NBD", "purchases"] == "identified"
    assert "broken" not in set(result.table["model"])
    assert result.doubts == [
        "broken (purchases): failed at 2023-12-10. No maximum was found. For a test."
    ]
    assert "No maximum was found" in str(result)


def test_where_no_model_can_be_fitted_the_best_rule_is_named(log: pl.DataFrame, run: Any) -> None:
    result = run(log, models={"broken": fails}, amount=None, **QUICK)
    best = result.summary["model"].iloc[0]
    assert f"no model predicted from every origin, and the best rule is {best}" in result.verdict


def test_a_fit_at_a_limit_is_told_without_a_warning(run: Any) -> None:
    rows = [
        (i, date(2023, 1, 2) + timedelta(days=d + i % 60), 5.0 + i % 7)
        for i in range(120)
        for d in range(0, 390, 20 + i % 9)
    ]  # nobody leaves, and everybody pays the same every time
    orders = pl.DataFrame(rows, schema=["who", "day", "paid"], orient="row")
    result = run(orders, **QUICK)
    found = verdicts(result)
    assert found["BG/NBD", "purchases"] == "boundary"
    assert found["spend", "spend"] == "boundary"
    assert len(result.doubts) == 2
    value = result.summary[result.summary["model"].eq("BG/NBD")].set_index("quantity").loc["value"]
    assert value.isna()["log_density"]  # a limit has no density


def test_customers_without_repeat_spend_leave_purchases(run: Any, make: Any) -> None:
    """Nobody paid anything at a second purchase: Gamma-Gamma has nothing to learn from."""
    orders = make(200).with_columns(
        paid=pl.when(pl.col("day") == pl.col("day").min().over("who")).then(9.0).otherwise(0.0)
    )
    result = run(orders, **QUICK)
    assert verdicts(result)["spend", "spend"] == "failed"
    model = result.summary[result.summary["kind"] == "model"]
    assert model["quantity"].tolist() == ["purchases"]
    assert "value" in set(result.summary["quantity"])  # of the rules
    assert "value: no model predicted from every origin" in result.verdict


def test_without_amounts_purchases_are_compared(log: pl.DataFrame, run: Any) -> None:
    result = run(log.drop("paid"), amount=None, **QUICK)
    assert set(result.table["quantity"]) == {"purchases"}
    assert "value" not in result.newcomers
    assert "; value" not in result.verdict
    assert run(log, spend=None, **QUICK).summary["quantity"].unique().tolist() == ["purchases"]


def test_a_price_is_worth_the_same_for_all(log: pl.DataFrame, run: Any) -> None:
    result = run(log, spend=20.0, **QUICK)
    table = result.table.set_index(["model", "quantity", "metric"])["number"]
    purchases = table["BG/NBD", "purchases", "predicted"]
    assert table["BG/NBD", "value", "predicted"] == pytest.approx(20.0 * purchases)
    assert result.table[result.table["metric"] == "log_density"]["number"].notna().sum() == 1


def test_a_log_without_newcomers(make: Any, run: Any) -> None:
    old = make(150).filter(pl.col("day").min().over("who") <= ORIGIN)
    new = run(old, **QUICK).newcomers.iloc[0]
    assert (new["customers"], new["purchases"], new["value"]) == (0, 0.0, 0.0)


def test_parameters_that_are_given_are_no_fit(log: pl.DataFrame, run: Any) -> None:
    result = run(log, models={"published": lambda _: BGNBD(0.5, 2.0, 0.8, 2.5)}, **QUICK)
    assert verdicts(result)["published", "purchases"] == "given"


def test_value_that_does_not_exist_leaves_purchases(log: pl.DataFrame, run: Any) -> None:
    """The mean of spend is infinite at q below 1."""
    result = run(log, spend=lambda _: GammaGamma(2.0, 0.8, 10.0), **QUICK)
    fits = result.fits.set_index(["model", "part"])
    assert fits.loc[("BG/NBD", "purchases"), "verdict"] == "identified"
    assert fits.loc[("BG/NBD", "spend"), "verdict"] == "failed"
    assert "mean" in fits.loc[("BG/NBD", "spend"), "note"]
    model = result.summary[result.summary["kind"] == "model"]
    assert model["quantity"].tolist() == ["purchases"]


def test_rows_that_are_left_out_are_warned_of_once(log: pl.DataFrame, run: Any) -> None:
    bad = pl.concat([log, log.head(3).with_columns(who=pl.lit(None, pl.String))])
    with pytest.warns(clv.DataWarning, match="Left out of 1,") as caught:
        run(bad, n_origins=2, cohort=None, interval=None)
    assert len(caught) == 1
    assert caught[0].filename == __file__ or "conftest" in caught[0].filename


def test_warnings_of_others_pass(log: pl.DataFrame, run: Any) -> None:
    def noisy(rfm: clv.CustomerSummary) -> Any:
        warnings.warn("of somebody else", UserWarning, stacklevel=1)
        return BGNBD.fit(rfm)

    with pytest.warns(UserWarning, match="of somebody else"):
        run(log, models={"noisy": noisy}, amount=None, **QUICK)


def test_errors_of_others_pass(log: pl.DataFrame, run: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        run(log, models={"mine": lambda _: 1 / 0}, amount=None, **QUICK)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"models": ["BGNDB"]}, clv.ParameterError, "Did you mean 'BGNBD'"),
        ({"models": []}, clv.ParameterError, "at least one model"),
        ({"models": ["GammaGamma"]}, clv.ParameterError, "takes purchase models"),
        ({"models": [GammaGamma]}, clv.ParameterError, "takes purchase models"),
        ({"models": [BGNBD, "BGNBD"]}, clv.ParameterError, "comes twice"),
        ({"models": {"SQL rule": BGNBD}}, clv.ParameterError, "comes twice"),
        ({"models": {"mine": 3}}, clv.ParameterError, "function of a CustomerSummary"),
        ({"models": {"mine": lambda _: 3}}, clv.ParameterError, "returns a fit of a purchase"),
        ({"models": {"mine": GammaGamma.fit}}, clv.ParameterError, "returns a fit of a purchase"),
        ({"spend": "BGNBD"}, clv.ParameterError, "spend model"),
        ({"spend": MBGNBD}, clv.ParameterError, "spend model"),
        ({"spend": -1.0}, clv.ParameterError, "above zero"),
        ({"cohort": "week"}, clv.ParameterError, "`cohort`"),
        ({"interval": 1.0}, clv.ParameterError, "interval"),
        ({"by": ["chanel"]}, clv.MissingColumnError, "Did you mean 'channel'"),
        ({"by": ["who"]}, clv.ParameterError, "several customers"),
        ({"origins": ["2023-01-02"]}, clv.ParameterError, "later origin"),
        ({"origins": ["2024-02-20"]}, clv.ParameterError, "shorter horizon"),
        ({"horizon": "5y", "origins": None}, clv.ParameterError, "shorter horizon"),
        ({"observed_until": "2022-01-01"}, clv.DataError, "after observed_until"),
        ({"customer": "whom"}, clv.MissingColumnError, "Did you mean 'who'"),
        ({"unit": "fortnight"}, clv.ParameterError, "time unit"),
        ({"amount": "channel"}, clv.DataError, "amount is a number"),
    ],
)
def test_what_cannot_be_is_refused(
    log: pl.DataFrame, run: Any, options: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(log, **{**QUICK, **options})


def test_a_result_travels_and_shows_itself(log: pl.DataFrame, run: Any) -> None:
    odd = log.with_columns(channel=pl.lit("<script>alert(1)</script>" + "x" * 10_000))
    result = run(odd, models={"<b onclick='x()'>mine": BGNBD}, by=["channel"], **QUICK)
    copy = pickle.loads(pickle.dumps(result))
    assert copy.table.equals(result.table)
    assert str(copy) == str(result)
    page = result._repr_html_()
    assert "<b onclick" not in page
    assert "<script" not in page
    known = result.customers[0]
    assert (
        repr(result) == f"<Backtest: 10 weeks ahead from {ORIGIN} ({known} customers known then)>"
    )
