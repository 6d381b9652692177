"""The unit and the rules by which orders are counted for a fit, or for a model without data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clvmodels.customers import Definitions, Grid, Returns
from clvmodels.errors import ParameterError
from clvmodels.frames.periods import check_grid
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.units import TimeUnit

__all__ = ["unit_and_rules"]


def unit_and_rules(
    found: Fit[Any] | PurchasePredictions,
    unit: TimeUnit | None,
    grid: Grid | None,
    returns: Returns | None,
) -> tuple[TimeUnit, Definitions]:
    """Return the unit and the rules asked for, or those of the fit.

    Raises
    ------
    ParameterError
        There is no unit, or it does not go with the grid.
    UnitMismatchError, DataError
        They are not those of the fit.
    """
    theirs = found.definitions if isinstance(found, Fit) else None
    known = unit or (found.unit if isinstance(found, Fit) else None)
    if known is None:
        raise ParameterError(
            "Times have a unit.",
            place="This model carries none.",
            fix="Pass the unit that its parameters are in, such as unit='week'.",
        )
    default = theirs or Definitions("day", "net")
    rules = Definitions(grid or default.grid, returns or default.returns)
    known = check_grid(rules.grid, known)
    check_alike(found, _Counted(known, rules))
    return known, rules


@dataclass(frozen=True)
class _Counted:
    """A unit and rules, to be compared with those of a fit."""

    unit: TimeUnit
    definitions: Definitions
