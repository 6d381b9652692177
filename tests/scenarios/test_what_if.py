"""`what_if`: nothing for nothing, stated changes to the letter, and what each lever does."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS

SAME = 1e-9  # the same sums in another order
EXACT = 1e-9  # what a stated change promises
SPEND = clv.GammaGamma(6.25, 3.74, 15.44)
TERMS: dict[str, Any] = {"horizon": "2y", "discount_rate": 0.0, "margin": 0.3}
KINDS = [name for name, kind in MODELS.items() if issubclass(kind, PurchaseModel)]
QUICK = ("BGNBD", "ParetoNBD", "BGBB", "SBG")  # one of each family
CASES = [each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in KINDS]
PERIODS = {"BGBB": "month", "SBG": "year", "BDW": "year"}
YEAR = {"week": 365.25 / 7.0, "month": 12.0, "year": 1.0}


def typical(name: str) -> Any:
    kind = MODELS[name]
    values = [math.sqrt(math.prod(each.typical)) for each in kind.domains().values()]
    return kind(*values, **dict.fromkeys(kind.settings(), 2))


def base_of(model: Any, unit: str = "week", n: int = 300, seed: int = 1) -> clv.CustomerSummary:
    age = np.resize(np.arange(2.0, 40.0, 4.0), n)
    c = SPEND.simulate(model.simulate(n, age, seed=seed, unit=unit), seed=seed + 1)
    x, t_x, T = c.timing
    value = [None if np.isnan(each) else float(each) for each in c.spend[1]]
    table = {
        "customer_id": np.arange(n),
        "frequency": x,
        "recency": t_x,
        "T": T,
        "monetary_value": pl.Series(value, dtype=pl.Float64),
        "country": np.resize(np.array(["FR", "DE", "FR", "UK"]), n),
        "share": np.resize(np.array([0.2, 0.3, 0.4]), n),
        "price": np.resize(np.array([5.0, 9.0]), n),
    }
    return clv.CustomerSummary.from_frame(pl.DataFrame(table), unit=unit)


@pytest.fixture(scope="module")
def pareto() -> tuple[Any, Any, clv.CustomerSummary]:
    """Return fits of purchases and spend, and a sixth of the customers that they are of."""
    everybody = base_of(clv.ParetoNBD(0.8, 8.0, 0.7, 10.0), n=900)
    some = clv.CustomerSummary.from_frame(everybody.frame.head(150), unit="week")
    return clv.ParetoNBD.fit(everybody), clv.GammaGamma.fit(everybody), some


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_reached_to_the_letter(name: str) -> None:
    model, unit = typical(name), PERIODS.get(name, "week")
    rfm = base_of(model, unit, n=60)
    found = clv.what_if(model, SPEND, rfm, retention="-4pp", **TERMS)
    before, after = found.retention[["before", "after"]].iloc[0]
    assert before - after == pytest.approx(0.04, abs=EXACT)
    # The stated quantity again, from the moved parameter alone.
    lever = found.levers.iloc[0]
    moved = model.with_values(
        np.array(
            [
                lever.parameter_after if each == lever.parameter else getattr(model, each)
                for each in model.domains()
            ]
        )
    )
    new = clv.Customers.from_arrays([0], [0], [0], unit=None)
    stays = moved.p_alive(new) * moved.stay_if_alive(new, np.array([YEAR[unit]]))
    assert float(stays[0]) == pytest.approx(before - 0.04, abs=EXACT)
    assert found.total.difference[0] < 0.0
    expected = clv.predict(rfm, model, SPEND, **TERMS)["clv"].sum()
    assert found.total.before[0] == pytest.approx(expected, rel=SAME)
    new_value = clv.new_customers(model, SPEND, unit=unit, **TERMS).iloc[0]
    assert found.new_customer.before.tolist() == pytest.approx(
        [new_value.repeat_value, new_value.clv], rel=SAME
    )


def nothing(models: Any, rfm: Any, rate: float, *, contract: bool) -> clv.WhatIf:
    levers: dict[str, Any] = {
        "retention": 0.0,
        "spend_change": "0%",
        "new_margin": 0.3,
        "new_discount_rate": rate,
    }
    if not contract:
        levers["purchase_rate"] = 0
    terms = TERMS | {"discount_rate": rate}
    return clv.what_if(*models, rfm, **levers, **terms, by="country")


@pytest.mark.parametrize("name", CASES)
def test_no_change_is_no_difference(name: str) -> None:
    model, unit = typical(name), PERIODS.get(name, "week")
    rfm = base_of(model, unit, n=40)
    found = nothing((model, SPEND), rfm, 0.1, contract=name in ("SBG", "BDW"))
    for table in (found.table, found.total, found.new_customer):
        zeros = table.drop(columns=["before", "after"]).select_dtypes("float")
        assert (zeros == 0.0).to_numpy().all()
        assert (table.before == table.after).all()
    assert (found.attribution.drop(columns=["of", "lever"]) == 0.0).to_numpy().all()
    assert (found.levers.parameter_before.dropna() == found.levers.parameter_after.dropna()).all()


def test_no_change_is_no_difference_whatever_the_parameters(pareto: Any) -> None:
    """The interval of nothing is nothing: exactly 0, for fits and for draws."""
    fit, spend, rfm = pareto
    for models in ((fit, spend), (fit.draws(50, seed=1), spend.draws(50, seed=2))):
        found = nothing(models, rfm, 0.0, contract=False)
        for table in (found.table, found.total, found.new_customer):
            assert (table[["difference", "lower", "upper", "relative_upper"]] == 0.0).all(axis=None)


@pytest.mark.parametrize("change", ["+5pp", 0.05, "-10%"])
def test_ways_to_state_a_change(change: Any, pareto: Any) -> None:
    fit, spend, rfm = pareto
    found = clv.what_if(fit.model, spend.model, rfm, retention=change, **TERMS)
    before, after = found.levers[["before", "after"]].iloc[0]
    amounts = {"+5pp": 0.05, 0.05: 0.05, "-10%": -0.1 * before}
    assert after - before == pytest.approx(amounts[change], abs=EXACT)


def test_segments_add_up_and_agree_with_total(pareto: Any) -> None:
    fit, spend, rfm = pareto
    found = clv.what_if(fit, spend, rfm, retention="+5pp", **TERMS, by="country")
    expected = clv.total(rfm, fit, spend, **TERMS, by="country")
    assert found.table.country.tolist() == expected["country"].to_list() == ["DE", "FR", "UK"]
    assert found.table.customers.tolist() == expected["customers"].to_list()
    np.testing.assert_allclose(found.table.before, expected["clv"].to_numpy(), rtol=SAME)
    for column in ("customers", "before", "after", "difference"):
        assert found.table[column].sum() == pytest.approx(found.total[column][0], rel=SAME)
    assert found.table.relative.to_numpy() == pytest.approx(
        (found.table.after / found.table.before - 1.0).to_numpy(), rel=SAME
    )
    # Errors of segments are shared: they do not average out as those of strangers would.
    half = 0.5 * (found.table.upper - found.table.lower)
    whole = 0.5 * (found.total.upper - found.total.lower)[0]
    assert math.hypot(*half) < whole <= half.sum() * (1.0 + SAME)


def test_money_moves_in_proportion(pareto: Any) -> None:
    fit, spend, rfm = pareto
    found = clv.what_if(fit, spend, rfm, spend_change="+5%", new_margin=0.36, **TERMS)
    alone = found.attribution.set_index(["of", "lever"])
    for of in ("base", "a new customer"):
        shares = alone.loc[of].relative
        assert shares["spend"] == pytest.approx(0.05, rel=SAME)
        assert shares["margin"] == pytest.approx(0.2, rel=SAME)
        assert shares["together"] == pytest.approx(1.05 * 1.2 - 1.0, rel=SAME)
        assert shares["interaction"] == pytest.approx(0.05 * 0.2, rel=SAME)
        parts = alone.loc[of].difference
        assert parts["together"] == pytest.approx(
            parts["spend"] + parts["margin"] + parts["interaction"], rel=SAME
        )
    assert found.levers.set_index("lever").parameter["spend"] == "v"


def test_a_column_of_margins_and_of_prices(pareto: Any) -> None:
    fit, _, rfm = pareto
    terms = TERMS | {"margin": "share"}
    found = clv.what_if(fit, "price", rfm, retention="+5pp", new_margin=0.5, **terms)
    expected = clv.predict(rfm, fit, "price", **terms)["clv"].sum()
    assert found.total.before[0] == pytest.approx(expected, rel=SAME)
    alone = found.attribution.set_index(["of", "lever"]).difference["base"]
    wide = clv.predict(rfm, fit, "price", **(TERMS | {"margin": 0.5}))["clv"].sum()
    assert alone["margin"] == pytest.approx(wide - expected, rel=SAME)
    margin = found.levers.set_index("lever").loc["margin"]
    assert (margin.before, margin.after) == pytest.approx((0.3, 0.5), rel=1e-3)


def test_the_discount_rate(pareto: Any) -> None:
    fit, spend, rfm = pareto
    terms = TERMS | {"discount_rate": 0.1}
    found = clv.what_if(fit.model, spend.model, rfm, new_discount_rate=0.2, **terms)
    expected = [
        clv.predict(rfm, fit, spend, **(TERMS | {"discount_rate": rate}))["clv"].sum()
        for rate in (0.1, 0.2)
    ]
    assert found.total[["before", "after"]].iloc[0].tolist() == pytest.approx(expected, rel=SAME)


def test_purchases_are_counted_without_spend(pareto: Any) -> None:
    fit, _, rfm = pareto
    found = clv.what_if(fit, None, rfm, purchase_rate="+10%", horizon="1y", discount_rate=0.0)
    expected = clv.total(rfm, fit, horizon="1y")["expected_purchases"][0]
    assert found.total.before[0] == pytest.approx(expected, rel=SAME)
    assert found.total.relative[0] == pytest.approx(0.1, rel=SAME)  # lifetimes do not see purchases
    assert "discounted purchases" in found.verdict
    for money in ({"spend_change": 0.1}, {"new_margin": 0.2}, {"margin": 0.3, "retention": 0.01}):
        with pytest.raises(clv.ParameterError, match="There is no `spend`"):
            clv.what_if(fit, None, rfm, **money)


def test_who_buys_more_leaves_sooner_unless_retention_is_held() -> None:
    model = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    terms: dict[str, Any] = {"horizon": "2y", "discount_rate": 0.0, "unit": "week"}
    free = clv.what_if(model, 10.0, purchase_rate="+10%", **terms)
    held = clv.what_if(model, 10.0, purchase_rate="+10%", retention=0, **terms)
    assert free.retention.change[0] < -0.005
    assert any("leave sooner" in note for note in free.notes)
    assert held.retention.change[0] == pytest.approx(0.0, abs=EXACT)
    assert not any("leave sooner" in note for note in held.notes)
    assert held.new_customer.difference[0] > 1.5 * free.new_customer.difference[0]
    alone = held.attribution.set_index("lever").difference
    assert alone["retention"] == 0.0  # holding what nothing moves
    assert alone["together"] == pytest.approx(held.new_customer.difference[1], rel=SAME)
    slower = clv.BGNBD(model.r, model.alpha / 1.1, model.a, model.b)
    new = clv.new_customers(slower, 10.0, horizon="2y", unit="week").repeat_value[0]
    assert free.new_customer.after[0] == pytest.approx(new, rel=SAME)


def test_the_base_keeps_what_is_known_of_it(pareto: Any) -> None:
    """Who is alive today is not decided by a plan; who will be, is."""
    fit, spend, rfm = pareto
    found = clv.what_if(fit.model, spend.model, rfm, retention="+5pp", **TERMS)
    alive = fit.p_alive(rfm)
    x, _, T = rfm.customers().timing
    lever = found.levers.iloc[0]
    k = lever.parameter_before / lever.parameter_after
    r, alpha, s, beta = fit.model.values
    lives, year = (beta + T) / k, YEAR["week"]
    kept = alive @ (lives / (lives + year)) ** s / alive.sum()
    assert found.retention.after[1] == pytest.approx(kept, rel=SAME)
    years = lives / (s - 1.0) * (1.0 - (lives / (lives + 2.0 * year)) ** (s - 1.0))
    each = alive * (r + x) / (alpha + T) * years * spend.expected_spend(rfm) * 0.3
    assert found.total.after[0] == pytest.approx(each.sum(), rel=SAME)


def test_which_lever_matters_most(pareto: Any) -> None:
    """A small step of each, taken, against what the table says of it."""
    fit, spend, rfm = pareto
    models = fit.model, spend.model
    terms = TERMS | {"discount_rate": 0.1}
    found = clv.what_if(*models, rfm, retention="+1%", **terms).sensitivity.set_index("lever")
    assert found.index.tolist()[:2] == ["retention", "retention"]
    steps = {
        "retention": {"retention": "+0.01%"},
        "purchase_rate": {"purchase_rate": "+0.01%"},
        "spend": {"spend_change": "+0.01%"},
        "margin": {"new_margin": 0.3 * 1.0001},
        "discount_rate": {"new_discount_rate": 0.1 * 0.9999},
    }
    for lever, step in steps.items():
        small = clv.what_if(*models, rfm, **step, **terms)
        rows = found.loc[[lever]].query("step.str.endswith('%')")
        assert rows.base.iloc[0] == pytest.approx(100.0 * small.total.relative[0], rel=1e-3)
        assert rows.new_customer.iloc[0] == pytest.approx(
            100.0 * small.new_customer.relative[1], rel=1e-3
        )
    points = found.loc["retention"].set_index("step")
    assert points.base["+1 point"] * points.now["+1 %"] == pytest.approx(points.base["+1 %"])


def test_what_it_may_cost(pareto: Any) -> None:
    fit, spend, rfm = pareto
    found = clv.what_if(fit.model, spend.model, rfm, retention="+5pp", **TERMS)
    worth = found.break_even.set_index("of").worth
    difference = found.total.difference[0]
    assert worth["the whole base"] == difference
    assert worth["a customer of the base"] == pytest.approx(difference / 150.0, rel=SAME)
    alive = float(fit.p_alive(rfm).sum())
    assert worth["a customer who is alive"] == pytest.approx(difference / alive, rel=SAME)
    assert worth["a new customer"] == found.new_customer.difference[1]


def test_covariates_move_together() -> None:
    """One factor for all kinds, such that the mean over the base's kinds moves as stated."""
    effects = {"dropout": clv.Effects("web", {"web": -0.7}, {})}
    model = clv.PurchaseCovariates(clv.ParetoNBD(0.8, 8.0, 0.7, 10.0), effects)
    rfm = base_of(model.base, n=100)
    web = np.resize(np.array([1.0, 0.0, 0.0]), 100)
    rfm = clv.CustomerSummary.from_frame(rfm.frame.with_columns(web=pl.Series(web)), unit="week")
    found = clv.what_if(model, SPEND, rfm, retention="+5pp", by="web", **TERMS)
    lever = found.levers.iloc[0]
    one = clv.Customers.from_arrays([0], [0], [0], unit=None)

    def stays(beta: float) -> float:
        kinds = [
            clv.ParetoNBD(0.8, 8.0, 0.7, beta * math.exp(-slope)).stay_if_alive(
                one, np.array([YEAR["week"]])
            )[0]
            for slope in (-0.7, 0.0)
        ]
        return float(kinds[0] * web.mean() + kinds[1] * (1.0 - web.mean()))

    assert stays(lever.parameter_before) == pytest.approx(lever.before, rel=SAME)
    assert stays(lever.parameter_after) == pytest.approx(lever.before + 0.05, rel=SAME)
    assert found.table.before.sum() == pytest.approx(
        clv.predict(rfm, model, SPEND, **TERMS)["clv"].sum(), rel=SAME
    )
    with pytest.raises(clv.ParameterError, match="there is no `rfm`"):
        clv.what_if(model, SPEND, retention="+5pp", unit="week")


def test_no_number_depends_on_engine_or_order(pareto: Any) -> None:
    (fit, spend), rfm = (each.model for each in pareto[:2]), pareto[2]
    first = clv.what_if(fit, spend, rfm, retention="+5pp", by="country", **TERMS).table
    shuffled = rfm.frame.sample(fraction=1.0, shuffle=True, seed=1)
    for frame in (shuffled, shuffled.to_pandas(), shuffled.lazy()):
        other = clv.CustomerSummary.from_frame(frame, unit="week")
        found = clv.what_if(fit, spend, other, retention="+5pp", by="country", **TERMS).table
        assert found.country.tolist() == first.country.tolist()
        np.testing.assert_allclose(
            found.drop(columns="country"), first.drop(columns="country"), rtol=SAME
        )


def test_a_saved_pair_says_the_same(pareto: Any, tmp_path: Any) -> None:
    fit, spend, rfm = pareto
    pair = clv.CLVModel(fit, spend)
    clv.save(pair, tmp_path / "model.json")
    found = clv.what_if(clv.load(tmp_path / "model.json"), rfm=rfm, retention="+5pp", **TERMS)
    expected = clv.what_if(fit, spend, rfm, retention="+5pp", **TERMS)
    np.testing.assert_allclose(
        found.total.to_numpy(float), expected.total.to_numpy(float), rtol=1e-6
    )
    with pytest.raises(clv.ParameterError, match="has a spend model already"):
        clv.what_if(pair, spend, rfm, retention="+5pp")


def test_how_it_reads(pareto: Any) -> None:
    fit, spend, rfm = pareto
    levers: dict[str, Any] = {"retention": "+5pp", "purchase_rate": "+10%", "spend_change": -0.02}
    found = clv.what_if(
        fit, spend, rfm, **levers, new_margin=0.35, new_discount_rate=0.12, by="country", **TERMS
    )
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    assert "retention +5 points" in text
    assert "interaction" in text
    html = found._repr_html_()
    assert "The present base" in html
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == text
    assert repr(again).startswith("<What if: retention +5 points")
    popular = clv.what_if(fit, spend, rfm, retention="+5pp", **(TERMS | {"margin": 1.0}))
    assert any("25 to 95 %" in note for note in popular.notes)
    assert any("revenue" in note for note in popular.notes)


def test_a_base_of_one_segment_without_purchases_ahead(pareto: Any) -> None:
    fit, spend, rfm = pareto
    found = clv.what_if(fit, spend, rfm, retention="+5pp", horizon=0, discount_rate=0.1)
    assert found.total.difference[0] == 0.0
    assert math.isnan(found.total.relative[0])  # of nothing
    assert "of nothing" in found.verdict
    assert not any("25 to 95 %" in note for note in found.notes)


ASKED: dict[str, Any] = {"unit": "week", "horizon": "1y"}


@pytest.mark.parametrize(
    ("levers", "message"),
    [
        ({}, "at least one lever"),
        ({"retention": "5"}, "`retention` is a change"),
        ({"retention": 5}, "`retention` is a change"),
        ({"retention": True}, "`retention` is a change"),
        ({"retention": math.nan}, "`retention` is a change"),
        ({"purchase_rate": "+5pp"}, "`purchase_rate` is a change"),
        ({"purchase_rate": -1.0}, "`purchase_rate` is a change"),
        ({"purchase_rate": 10}, "`purchase_rate` is a change"),
        ({"spend_change": "five"}, "`spend_change` is a change"),
        ({"new_margin": 1.2}, "`margin` is a fraction"),
        ({"new_margin": "share"}, "no `rfm`"),
        ({"new_discount_rate": 12}, "annual fraction"),
        ({"retention": "+50pp"}, r"between 53.8 % and 100 %"),
        ({"retention": "-30pp"}, r"between 53.8 % and 100 %"),
        ({"retention": 0.01, "by": "country"}, "Segments are those of a base"),
        ({"retention": 0.01, "interval": 1.0}, "interval"),
        ({"retention": 0.01, "unit": None}, "need the unit"),
        ({"retention": 0.01, "unit": "fortnight"}, "A time unit is one of"),
    ],
)
def test_bad_arguments(levers: dict[str, Any], message: str) -> None:
    with pytest.raises(clv.ParameterError, match=message):
        clv.what_if(clv.BGNBD(0.243, 4.414, 0.793, 2.426), 10.0, **(ASKED | levers))


def test_what_cannot_move() -> None:
    with pytest.raises(clv.ParameterError, match="renews once in every period"):
        clv.what_if(clv.SBG(0.7, 3.0), 10.0, purchase_rate=0.1, unit="year")
    with pytest.raises(clv.ParameterError, match="hardly anybody seems to leave"):
        clv.what_if(clv.ParetoNBD(0.5, 10.0, 1e-6, 1e3), 10.0, retention="+1pp", unit="week")
    with pytest.raises(clv.ParameterError, match=r"less than 1\.62"):
        clv.what_if(clv.BGBB(1.2, 0.75, 0.66, 2.8), 10.0, purchase_rate="+70%", unit="year")
    with pytest.raises(clv.ParameterError, match="or a price of zero or more"):
        clv.what_if(clv.SBG(0.7, 3.0), "price", retention=0.01, unit="year")
    sensitivity = clv.what_if(
        clv.ParetoNBD(0.5, 10.0, 1e-13, 1e3), 10.0, spend_change=0.1, unit="week"
    ).sensitivity
    assert sensitivity.set_index("lever").new_customer.loc["retention"].isna().all()


def test_of_a_loss_there_is_no_percentage() -> None:
    """Where the margin is negative more of it is worse, and a step into gain is no share."""
    model = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    terms: dict[str, Any] = {"horizon": "1y", "unit": "week", "discount_rate": 0.1}
    found = clv.what_if(model, SPEND, margin=-0.3, new_margin=0.35, **terms)
    gain = clv.what_if(model, SPEND, margin=0.3, new_margin=0.35, **terms)
    before, after, difference = found.new_customer.iloc[1][["before", "after", "difference"]]
    assert before == pytest.approx(-gain.new_customer.before[1], rel=SAME)
    assert difference == pytest.approx(after - before, rel=SAME)
    shares = ["relative", "relative_lower", "relative_upper"]
    assert found.new_customer[shares].isna().all(axis=None)
    assert found.attribution.relative.isna().all()
    assert "%" not in found.verdict
    assert f"from {before:.4g} to {after:.4g}" in found.verdict
    steps = [each.sensitivity.new_customer for each in (found, gain)]
    np.testing.assert_allclose(steps[0], -steps[1], rtol=SAME)
    assert steps[1][0] > 0.0  # more retention is more gain, and more loss


def test_a_base_of_nobody(pareto: Any) -> None:
    fit, spend, rfm = pareto
    nobody = clv.CustomerSummary.from_frame(rfm.frame.head(0), unit="week")
    found = clv.what_if(fit.model, spend.model, nobody, retention="+5pp", **TERMS)
    alone = clv.what_if(fit.model, spend.model, retention="+5pp", unit="week", **TERMS)
    assert found.total.customers[0] == found.total.difference[0] == 0
    assert found.new_customer.equals(alone.new_customer)
