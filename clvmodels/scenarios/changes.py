"""Changes as people write them: +0.05, '+5pp', '+10%'."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from clvmodels.errors import ParameterError

__all__ = ["Change", "change_of"]

_TEXT: Final = re.compile(r"\s*([+-]?)\s*(\d+\.?\d*|\.\d+)\s*(%|pp)\s*")
_LARGEST: Final = 10.0  # eleven times as much: beyond, a percentage was written as a number


@dataclass(frozen=True)
class Change:
    """By how much a quantity moves.

    Attributes
    ----------
    amount : float
        A fraction: of the quantity where `relative`, else in the quantity's own units, so that
        five percentage points are 0.05.
    relative : bool
        Whether it multiplies.
    """

    amount: float
    relative: bool

    def of(self, before: float) -> float:
        """Return the quantity afterwards; without a change it is the very same number."""
        return before * (1.0 + self.amount) if self.relative else before + self.amount

    def __str__(self) -> str:
        return f"{100.0 * self.amount:+.6g}{' %' if self.relative else ' points'}"


def change_of(given: Any, *, name: str, points: bool = False) -> Change | None:
    """Read a change, or return None for none.

    Parameters
    ----------
    given
        A number or a text such as ``"+10%"`` (of what it was) or ``"+5pp"`` (percentage points).
    name
        What the argument is called, for messages.
    points
        Whether a number means points, and points may be written; else a number is relative.

    Raises
    ------
    ParameterError
        It is no change, or one of a size that is no percentage.

    Examples
    --------
    >>> change_of("+5pp", name="retention", points=True)
    Change(amount=0.05, relative=False)
    >>> change_of(0.1, name="purchase_rate") == change_of("+10%", name="purchase_rate")
    True
    """
    if given is None:
        return None
    found = _from_text(given) if isinstance(given, str) else _from_number(given, points)
    wide = 1.0 if found is not None and not found.relative else _LARGEST
    if found is None or not -1.0 < found.amount < wide or (not found.relative and not points):
        forms = "'+5pp' (points), 0.05 (the same) or '+5%' (of what it is)"
        raise ParameterError(
            f"`{name}` is a change, such as {forms if points else '0.10 or, the same, +10%'}.",
            place=f"Got {given!r:.80}.",
            fix="Write 10 % as 0.10 or '+10%'.",
        )
    return found


def _from_text(text: str) -> Change | None:
    match = _TEXT.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
    if match is None:
        return None
    return Change(float(f"{match[1]}{match[2]}") / 100.0, match[3] == "%")


def _from_number(given: Any, points: bool) -> Change | None:
    if isinstance(given, bool):
        return None
    try:
        amount = float(given)
    except (TypeError, ValueError):
        return None
    return Change(amount, not points) if math.isfinite(amount) else None
