"""What customers are worth in a scene, segment by segment, and what changes between scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError, UndefinedMomentError
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.parameter_error import SharedError, error_of
from clvmodels.predictive.totals import Exposure, Terms, base_of, scale_of
from clvmodels.scenarios.changes import Change
from clvmodels.scenarios.futures import Arrivals, new_purchases, purchases_ahead
from clvmodels.scenarios.moves import Move
from clvmodels.scenarios.solving import Stated, solve

__all__ = ["Counts", "Scene", "Worth", "change_error", "changes", "values"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Discounted purchases of the groups of the base, (m,), and of kinds of new customers, (n,)."""

    base: Array
    new: Array


@dataclass(frozen=True)
class Worth:
    """What purchases are worth: summed over customers of each group, (m,); of new ones, (n,)."""

    base: Array
    new: Array


@dataclass(frozen=True)
class Scene:
    """One way in which things may go on.

    Attributes
    ----------
    exposure : Exposure
        The present base, with the margins of this scene.
    new : Arrivals
        New customers.
    margin, price : float
        Of a new customer: the means of the base; the price is 1 where spend has a model.
    terms : Terms
        Horizon and discount rate.
    year : float
        A year, in the unit of the models.
    stated : Stated
        How customers change.
    spend : Change or None
        And what they spend.
    """

    exposure: Exposure
    new: Arrivals
    margin: float
    price: float
    terms: Terms
    year: float
    stated: Stated = field(default_factory=Stated)
    spend: Change | None = None

    def move(self, purchases: PurchasePredictions) -> Move:
        """Return how far a population is to be moved for what is stated to come true."""
        return solve(purchases, self.new, self.stated, self.year)

    def counts(self, purchases: PurchasePredictions, move: Move | None = None) -> Counts:
        """Return discounted purchases under the move; who is alive now is known already."""
        move = self.move(purchases) if move is None else move
        c = self.exposure.patterns
        base = purchases.p_alive(c) * purchases_ahead(purchases, c, move, self.terms)
        new = new_purchases(purchases, self.new, move, self.terms)
        return Counts(base[self.exposure.pattern], new)

    def worth(self, spend: Any) -> Worth:
        """Return what purchases are worth by a spend model, or at a price where it is None."""
        factor = 1.0 if self.spend is None else self.spend.of(1.0)
        each = self._spend(spend)
        per_order = self.exposure.scales(1, np.zeros(len(self.exposure.pattern)))
        if spend is not None:
            base = base_of(spend)
            x = self.exposure.patterns.frequency[self.exposure.pattern]
            spent = self.exposure.scales(1, scale_of(self.exposure, spend))
            per_order = base.p * spent / (base.p * x + base.q - 1.0)
        return Worth(factor * per_order, factor * self.margin * each)

    def spend_per_order(self, spend: Any) -> float:
        """Return what a new customer spends per order on average, as things are."""
        return float(self.new.share @ self._spend(spend))

    def _spend(self, spend: Any) -> Array:
        if spend is None:
            return np.full(len(self.new.customers), self.price)
        found: Array = spend.expected_spend(self.new.customers)
        return found

    def value(self, counts: Counts, worth: Worth) -> Array:
        """Return values, shape (segments + 3,).

        Of each segment, of all, and of a new customer without and with the first order.
        """
        segments = self.exposure.by_segment(counts.base * worth.base)
        repeat = float(self.new.share @ (counts.new * worth.new))
        first = float(self.new.share @ worth.new)
        return np.concatenate([segments, [segments.sum(), repeat, repeat + first]])


def values(scenes: Sequence[Scene], purchases: PurchasePredictions, spend: Any) -> Array:
    """Return the values of each scene, shape (scenes, segments + 3), at the parameters given."""
    return _valued(scenes, _counted(scenes, purchases), [s.worth(spend) for s in scenes])


def _valued(scenes: Sequence[Scene], counts: Sequence[Counts], worth: Sequence[Worth]) -> Array:
    parts = zip(scenes, counts, worth, strict=True)
    return np.stack([scene.value(counted, paid) for scene, counted, paid in parts])


def _counted(scenes: Sequence[Scene], purchases: PurchasePredictions) -> list[Counts]:
    """Return the purchases of each scene, counted once where only money differs."""
    known: dict[tuple[Stated, Terms], Counts] = {}
    for scene in scenes:
        key = scene.stated, scene.terms
        if key not in known:
            known[key] = scene.counts(purchases)
    return [known[scene.stated, scene.terms] for scene in scenes]


def changes(values: Array) -> Array:
    """Return what changes from the first scene, absolute and relative, shape (2, rows, m).

    A row for each further scene. Of three and more the last is all the others together, and a row
    more has what it is beyond their sum.
    """
    before, after = values[0], values[1:]
    found = after - before
    if len(after) > 1:
        beyond = found[-1] - found[:-1].sum(axis=0)
        found = np.vstack([found, beyond])
    relative = np.full_like(found, np.nan)
    np.divide(found, before, out=relative, where=before != 0.0)
    return np.stack([found, relative])


def change_error(scenes: Sequence[Scene], purchases: Any, spend: Any) -> SharedError:
    """Return what `changes`, flat, owe to the parameters of fits or draws, which scenes share.

    At other parameters the move is another one, such that what was stated comes true again.
    """
    count, money = fitted_model(purchases), fitted_model(spend)
    counted = _counted(scenes, count)
    worth = [s.worth(money) for s in scenes]

    def flat(counts: Sequence[Counts], worths: Sequence[Worth]) -> Array:
        return np.nan_to_num(changes(_valued(scenes, counts, worths)).ravel())

    def at_purchases(model: Any) -> Array:
        try:
            return flat(_counted(scenes, model), worth)
        except UndefinedMomentError:
            raise
        except ParameterError as error:
            raise ParameterError(
                "A change has an interval where all likely parameters can reach it.",
                place=f"At some of them: {error.place}",
                fix="State a smaller change, or pass the model itself, fit.model.",
            ) from error

    def at_spend(model: Any) -> Array:
        return flat(counted, [s.worth(model) for s in scenes])

    middle = flat(counted, worth)
    return error_of(purchases, at_purchases, middle) + error_of(spend, at_spend, middle)
