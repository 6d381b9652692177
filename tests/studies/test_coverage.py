"""Intervals contain what happens: small worlds here, `make coverage` for all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from studies import coverage, real_coverage, total_coverage, worlds

PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/coverage.md"
Z = 4.5  # standard errors, for some sixty comparisons


@pytest.mark.parametrize("name", coverage.STUDIES)
def test_worlds_are_those_of_the_models(name: str) -> None:
    """Counts, P(alive) and the future as the library's formulas have them."""
    study = coverage.STUDIES[name]
    n, age, ahead = 20_000, study.oldest, coverage.length("1y", study.unit)
    world = worlds.simulate(study.truth, np.full(n, age), ahead, 3, study.unit)
    people = world.customers
    for x in range(4):
        share, chance = np.mean(people.frequency == x), float(study.truth.purchase_pmf(x, age))
        assert abs(share - chance) < Z * np.sqrt(chance * (1.0 - chance) / n), x
    few = slice(0, 5_000)
    alive = study.truth.p_alive(people.take(few))
    expected = study.truth.expected_purchases(people.take(few), ahead)
    surprise = world.future(ahead)[0][few] - expected
    for known in (np.ones_like(alive), alive, expected):
        moved = surprise * known
        assert abs(moved.mean()) < Z * moved.std() / np.sqrt(len(moved))


def test_money_of_worlds_is_that_of_gamma_gamma() -> None:
    study = coverage.STUDIES["BGNBD"]
    world = worlds.simulate(study.truth, np.full(50_000, 60.0), 52.0, 5, "week")
    p, q, v = worlds.SPEND.values
    mean, square = p * v / (q - 1.0), p * (p + 1.0) * v**2 / ((q - 1.0) * (q - 2.0))
    first = np.unique(world.buyer, return_index=True)[1]  # one purchase a customer
    paid = world.paid[first]
    assert abs(paid.mean() - mean) < Z * paid.std() / np.sqrt(len(paid))
    assert np.mean(paid**2) == pytest.approx(square, rel=0.1)
    count, worth = world.future(52.0)
    expected = worlds.SPEND.expected_spend(world.customers) * count
    assert abs(np.mean(worth - expected)) < Z * np.std(worth - expected) / np.sqrt(len(count))
    near = world.future(52.0, 0.002)[1]
    assert (near <= worth).all()
    assert near.sum() > worth.sum() * np.exp(-0.002 * 52.0)


SLOW = (
    "GGompertzNBD",
    "ParetoNBD",
    "MBGCNBD k=3",
    "BGCNBD k=2",
    "MBGNBD",
)  # others share their code; `make coverage`


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name in coverage.STUDIES
    ],
)
def test_intervals_cover_where_the_truth_is_known(name: str) -> None:
    study = coverage.STUDIES[name]
    world = study.world(700, seed=11)
    everybody = {"all": np.full(len(world.customers), True)}
    models = study.truth, worlds.SPEND
    for row in coverage.customer_rows(study, world, models, "1y", everybody):
        error = np.sqrt(0.9 * 0.1 / row["customers"])
        assert abs(row["randomised"] - 0.9) < Z * error, row
        assert abs(row["covered"] - row["promised"]) < Z * error, row
        assert row["promised_open"] >= 0.9 - 1e-6
        if row["quantity"] == "value":
            assert row["promised_open"] == pytest.approx(0.9, abs=1e-4)


def test_intervals_of_totals_cover() -> None:
    table = total_coverage.totals("SBG", range(12), people=400)
    assert table.covered.ge(8).all(), table  # of 12 with 90 % each: fewer once in 250
    assert table.covered.ge(table.covered_chance).all()
    assert table.error_over_sd.between(0.5, 1.7).all()


# The last run of `make coverage`, which the pages show.


def stored(name: str) -> pd.DataFrame:
    return pd.read_csv(coverage.RESULTS / f"{name}.csv")


def test_last_run_customers() -> None:
    table = stored("coverage")
    assert set(table.model) == set(coverage.STUDIES)
    everybody = table[table.parameters == coverage.ESTIMATED]
    assert everybody.randomised.between(0.88, 0.92).all(), everybody
    assert (everybody.covered - everybody.promised).abs().lt(0.02).all()
    value = everybody[everybody.quantity == "value"]
    assert value.promised_open.sub(0.9).abs().lt(1e-3).all()
    assert value[value.horizon == "1y"].covered_open.between(0.88, 0.92).all()


def test_last_run_totals() -> None:
    table = stored("coverage_totals")
    assert set(table.model) == set(coverage.STUDIES)
    of_all = table[table.group == "all"]
    assert of_all.totals.eq(100).all()
    assert (table.covered / table.totals).between(0.85, 0.95).all(), table


def test_tables_of_the_pages_are_those_of_the_last_run() -> None:
    tables = {
        "coverage": ("coverage", coverage.as_markdown),
        "coverage_horizons": ("coverage", coverage.horizons_as_markdown),
        "coverage_totals": ("coverage_totals", total_coverage.as_markdown),
    }
    for what, ways in real_coverage.TABLES.items():
        for end, words in ways.items():
            tables[f"coverage_real{end}"] = f"coverage_real{what}", words
    page = PAGE.read_text(encoding="utf-8")
    for shown, (results, words) in tables.items():
        text = (coverage.RESULTS / f"{shown}.md").read_text(encoding="utf-8")
        assert words(stored(results)) == text, shown
        assert f'--8<-- "studies/results/{shown}.md"' in page


def test_words_of_the_page_are_those_of_the_last_run() -> None:
    """Every reason is given with a number: here is where each comes from."""
    facts = stored("coverage_real_facts").set_index(["log", "what"]).number
    real = stored("coverage_real").query("tenth == 0").set_index(["log", "case", "quantity"])
    spend = stored("coverage_real_spend").set_index(["log", "frequency"])
    cdnow, retail, known = "CDNOW", "Online Retail", f"BG/NBD{real_coverage.HINDSIGHT}"
    share = real.randomised.mul(100.0).map("{:.1f}".format)
    few = spend.loc[(cdnow, "1-2")]
    sums = stored("coverage_totals").query("group == 'all'")[["covered", "totals"]].sum()
    sentences = (
        f"{sums.covered:,} of {sums.totals:,} totals of everybody, "
        f"{100 * sums.covered / sums.totals:.1f} %",
        f"purchases goes from {share[cdnow, 'BG/NBD', 'purchases']} to "
        f"{share[cdnow, known, 'purchases']} %",
        f"from {share[retail, 'BG/NBD', 'purchases']} to {share[retail, known, 'purchases']} %",
        f"of value from {share[retail, 'BG/NBD', 'value']} to {share[retail, known, 'value']} %",
        f"those with 3 to 9 purchases {spend.actual_over_expected[retail, '3-9']:.2f} times",
        f"estimates p = {facts[cdnow, 'p of Gamma-Gamma']:.2f}",
        f"say p = {facts[cdnow, 'p within customers']:.2f}",
        f"{100 * few.covered:.1f} to {100 * few.covered_within:.1f} % for those with one or two",
        f"say {facts[retail, 'p within customers']:.2f}, more than the "
        f"{facts[retail, 'p of Gamma-Gamma']:.2f} of the fit",
        f"{facts[cdnow, 'actual over expected purchases, frequency 1']:.2f} times as much as "
        f"expected, all customers {facts[cdnow, 'actual over expected purchases, all']:.2f} times",
        f"P(alive) is {facts[retail, 'BG/NBD: P(alive) in the mean']:.3f} in the mean",
        f"CDNOW (k = {facts[cdnow, 'k of times between purchases']:.2f},",
        f"k is {facts[retail, 'k of times between purchases']:.2f};",
        f"covers less ({share[retail, 'MBG/CNBD-2', 'purchases']} %)",
        f"{facts[cdnow, 'correlation of frequency and spend']:.3f} on CDNOW, "
        f"{facts[retail, 'correlation of frequency and spend']:.3f} on Online Retail",
    )
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert [each for each in sentences if each not in page] == []
    verdicts = facts[retail].index
    for words in ("BG/NBD: weak", "MBG/NBD: weak", "Pareto/NBD: boundary"):
        assert words in verdicts
