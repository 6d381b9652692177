"""The status of an order or payment: paid, or a reason to leave it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from clvmodels.errors import DataError, ParameterError, first_few
from clvmodels.exports.layout import REASONS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PAID", "check_statuses", "folded", "reasons_of"]

PAID: Final = "paid"


def check_statuses(statuses: Mapping[str, str] | None) -> dict[str, str]:
    """Return the caller's statuses as `folded` spells them.

    Raises
    ------
    ParameterError
        One stands for something else than 'paid' or a reason.
    """
    meanings = (PAID, *REASONS)
    for status, meaning in (statuses or {}).items():
        if meaning not in meanings:
            raise ParameterError(
                f"`statuses` says of each what it means: {', '.join(map(repr, meanings))}.",
                place=f"Got {meaning!r} for {status!r}.",
                fix=f"Pass statuses={{{status!r}: 'paid'}}, for instance.",
            )
    return {_fold(status): meaning for status, meaning in (statuses or {}).items()}


def folded(text: pl.Series) -> pl.Series:
    """Return statuses in small letters with blanks between words, without the prefix wc-."""
    plain = text.str.to_lowercase().str.strip_prefix("wc-")
    return plain.str.replace_all(r"[\s_-]+", " ").str.strip_chars()


def _fold(status: str) -> str:
    import polars as pl

    return str(folded(pl.Series([status]))[0])


def reasons_of(
    statuses: pl.Series, known: Mapping[str, str], given: Mapping[str, str], *, column: str
) -> pl.Series:
    """Return why rows of each (folded) status are left out, null for those that are paid.

    Raises
    ------
    DataError
        A status is not known: what it means is not guessed.
    """
    import polars as pl

    meanings = dict(known) | dict(given)
    told = statuses.fill_null("")
    unknown = told.filter(~told.is_in(list(meanings)))
    if len(unknown):
        counts = unknown.value_counts(sort=True, name="rows").rows()
        named = [f"{status or 'blank'!r} in {rows:,} rows" for status, rows in counts]
        raise DataError(
            "Every status says whether an order was paid.",
            place=f"Not known in {column!r}: {first_few(named)}.",
            fix=f"Say what it means: statuses={{{counts[0][0]!r}: 'paid'}}, or 'not paid', "
            "'failed', 'cancelled', 'test'.",
        )
    reasons = {status: None if each == PAID else each for status, each in meanings.items()}
    return told.replace_strict(list(reasons), list(reasons.values()), return_dtype=pl.String).alias(
        "_reason"
    )
