"""Intervals contain what happens: small worlds here, `make coverage` for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from studies import coverage, worlds

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
