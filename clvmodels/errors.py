"""Every deliberate exception and warning of the library.

Each error names the rule that was broken, the place (a count, the first ids or rows, the value) and
the next step. Each also derives from the builtin that a Python user would catch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = [
    "ClvError",
    "ConvergenceError",
    "DataError",
    "DataWarning",
    "EmptyLogError",
    "IdentifiabilityWarning",
    "MissingColumnError",
    "MissingExtraError",
    "ModelFileError",
    "ParameterError",
    "PosteriorWarning",
    "StateError",
    "UndefinedMomentError",
    "UnitMismatchError",
]


class ClvError(Exception):
    """Root of every exception that clvmodels raises on purpose.

    Parameters
    ----------
    rule
        What must hold.
    place
        Where it does not: counts, the first rows or ids, the offending value.
    fix
        What to do next.

    Examples
    --------
    >>> error = ClvError("Ages are not negative.", place="Row 3 has -1.", fix="Check the dates.")
    >>> print(error)
    Ages are not negative. Row 3 has -1. Check the dates.
    """

    def __init__(self, rule: str, *, place: str = "", fix: str = "") -> None:
        super().__init__(rule, place, fix)
        self.rule, self.place, self.fix = rule, place, fix

    def __str__(self) -> str:
        return " ".join(part for part in (self.rule, self.place, self.fix) if part)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.rule, self.place, self.fix)


def _rebuild(kind: type[ClvError], rule: str, place: str, fix: str) -> ClvError:
    return kind(rule, place=place, fix=fix)


class DataError(ClvError, ValueError):
    """The data break a rule that the models rest on."""


class MissingColumnError(DataError, KeyError):
    """A named column is not in the frame."""


class EmptyLogError(DataError):
    """A log has no rows."""


class UnitMismatchError(DataError):
    """Two things that must share a time unit do not."""


class ModelFileError(DataError):
    """A file is not a model that this version can load."""


class StateError(DataError):
    """A folder is no summary state that can be used, or another update came first."""


class ParameterError(ClvError, ValueError):
    """An argument or a model parameter is outside its domain."""


class UndefinedMomentError(ParameterError, ArithmeticError):
    """The quantity asked for does not exist (is infinite) at these parameters."""


class ConvergenceError(ClvError, RuntimeError):
    """Maximum likelihood did not reach a maximum."""


class MissingExtraError(ClvError, ImportError):
    """An optional dependency is needed and not installed."""


class DataWarning(UserWarning):
    """Rows were left out of the analysis for a declared reason."""


class IdentifiabilityWarning(UserWarning):
    """The data do not pin down every parameter."""


class PosteriorWarning(UserWarning):
    """Draws of parameters are worse than asked for: the message says how, and what was done."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return a hint that names the nearest known name, or lists what is known.

    Examples
    --------
    >>> did_you_mean("custmer_id", ["customer_id", "date"])
    "Did you mean 'customer_id'?"
    >>> did_you_mean("zzz", ["customer_id", "date"])
    "Known: 'customer_id', 'date'."
    """
    names = [str(each) for each in known]
    folded = {each.casefold(): each for each in reversed(names)}
    near = get_close_matches(str(name).casefold(), list(folded), n=1, cutoff=0.6)
    if near:
        return f"Did you mean {folded[near[0]]!r}?"
    return f"Known: {', '.join(repr(each) for each in names)}."


def first_few(items: Sequence[object], limit: int = 5) -> str:
    """Return the first items in words, with an ellipsis where more follow.

    Examples
    --------
    >>> first_few([1, 2, 3], limit=2)
    '1, 2, ...'
    """
    shown = ", ".join(str(item) for item in items[:limit])
    return f"{shown}, ..." if len(items) > limit else shown
