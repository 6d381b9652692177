"""The margin of a table of predictions, which its values have in them already."""

from __future__ import annotations

from typing import Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.segmented import Segmented

__all__ = ["check_made_at", "margin_of"]

Array: TypeAlias = NDArray[np.float64]

_PREDICTED: Final = ("clv", "expected_purchases", "expected_spend")
_ROUNDED: Final = 0.01  # of values in a file
_RULE: Final = "Past spend counts at the margin at which the table of predictions was made."
_FIX: Final = "Pass the `margin` that clv.predict was given; 1.0 if it was given none."


def margin_of(given: float | str | None, rfm: CustomerSummary | None) -> float | str:
    """Return the margin; a table of predictions has one in its values, which must be said."""
    if given is not None:
        return given
    if rfm is not None:
        return 1.0
    raise ParameterError(
        _RULE,
        place="`margin` was not given, and `clv` does not tell it.",
        fix=_FIX,
    )


def check_made_at(margins: Array, base: Segmented) -> None:
    """Raise if a table of predictions has more value than its purchases at these margins."""
    if not set(_PREDICTED) <= set(base.frame.columns) or (margins < 0.0).any():
        return
    columns = (base.frame[name].cast(nw.Float64).to_numpy() for name in _PREDICTED)
    value, count, each = (np.asarray(column, dtype=np.float64) for column in columns)
    most = margins * count * each
    known = np.isfinite(value) & np.isfinite(most)
    if value[known].sum() > most[known].sum() * (1.0 + _ROUNDED):
        raise DataError(
            _RULE,
            place=f"At this margin {most[known].sum():,.4g} is the most that `clv` can add up to, "
            f"and it adds up to {value[known].sum():,.4g}.",
            fix=_FIX,
        )
