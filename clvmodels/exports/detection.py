"""Which layout a file has, from the names of its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from clvmodels.errors import (
    DataError,
    MissingColumnError,
    ParameterError,
    did_you_mean,
    first_few,
)
from clvmodels.exports.layout import Layout
from clvmodels.exports.layouts import LAYOUTS

__all__ = ["columns_of", "layout_of"]


def layout_of(columns: Sequence[str], wanted: str | None, *, what: str) -> Layout:
    """Return the layout asked for, or the one that the columns fit.

    Raises
    ------
    MissingColumnError
        They fit none, or not the one asked for: the message says what is missing.
    ParameterError
        They fit several, or there is no such layout.
    """
    if wanted is not None:
        if wanted not in LAYOUTS:
            raise ParameterError(
                "`layout` is the name of a known layout.",
                place=f"Got {wanted!r}.",
                fix=did_you_mean(wanted, LAYOUTS),
            )
        layout = LAYOUTS[wanted]
        if _missing(layout, columns):
            raise _misfit(layout, columns, what)
        return layout
    fitting = [each for each in LAYOUTS.values() if not _missing(each, columns)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ParameterError(
            "A file has the columns of one layout.",
            place=f"{what} fits {' and '.join(repr(each.name) for each in fitting)}.",
            fix=f"Say which it is, for instance layout={fitting[0].name!r}.",
        )
    raise _misfit(_nearest(columns), columns, what)


def columns_of(layout: Layout, columns: Sequence[str], *, what: str) -> dict[str, str]:
    """Return what a file calls the columns of a layout, by key: those that it has.

    Raises
    ------
    DataError
        Two columns of the file could be the same one of the layout.
    """
    found: dict[str, str] = {}
    for field in layout.fields:
        for name in field.names:
            same = [each for each in columns if _fold(each) == _fold(name)]
            exact = [each for each in same if each == name]
            if len(exact or same) > 1:
                raise DataError(
                    "Each column of a layout is there once.",
                    place=f"{what} has {' and '.join(map(repr, same))}.",
                    fix="Rename or drop one of them.",
                )
            if same:
                found[field.key] = (exact or same)[0]
                break
    return found


def _fold(name: str) -> str:
    """Return a name in small letters and digits only."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _missing(layout: Layout, columns: Sequence[str]) -> list[str]:
    """Return the names of required columns that a file lacks."""
    has = {_fold(each) for each in columns}
    return [
        field.names[0]
        for field in layout.required
        if not any(_fold(name) in has for name in field.names)
    ]


def _unexpected(layout: Layout, columns: Sequence[str]) -> list[str]:
    known = {_fold(name) for field in layout.fields for name in field.names}
    known |= {_fold(name) for name in layout.known}
    return [each for each in columns if _fold(each) not in known]


def _nearest(columns: Sequence[str]) -> Layout:
    """Return the layout of which a file has most: required columns first, alike ones next."""

    def closeness(layout: Layout) -> tuple[float, float, float]:
        missing, all_ = _missing(layout, columns), layout.required
        known = 1 - len(_unexpected(layout, columns)) / max(len(columns), 1)
        return 1 - len(missing) / len(all_), known, _alike(missing, columns)

    return max(LAYOUTS.values(), key=closeness)


def _alike(missing: Sequence[str], columns: Sequence[str]) -> float:
    ratios = [
        max(
            (SequenceMatcher(None, _fold(one), _fold(other)).ratio() for other in columns),
            default=0,
        )
        for one in missing
    ]
    return sum(ratios) / max(len(ratios), 1)


def _misfit(layout: Layout, columns: Sequence[str], what: str) -> MissingColumnError:
    missing, unexpected = _missing(layout, columns), _unexpected(layout, columns)
    more = f" It has, besides, {first_few(list(map(repr, unexpected)))}." if unexpected else ""
    known = ", ".join(map(repr, LAYOUTS))
    return MissingColumnError(
        f"An export has the columns of a known layout: {known}.",
        place=f"{what} is nearest to {layout.name!r} ({layout.title}) and lacks "
        f"{', '.join(map(repr, missing))}.{more}",
        fix="Export it anew with all columns, rename those that only differ in name, or pass "
        "orders that have an id, a date and an amount a row to rfm_summary as they are.",
    )
