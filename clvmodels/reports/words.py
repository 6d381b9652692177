"""Notes of the library for who reads a page and writes no code."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["for_readers"]

_SENTENCE: Final = re.compile(r"(?<=[.!?]) +(?=[A-Z\"'(`])|(?<=\.) +(?=\w+=)")
_CODE: Final = re.compile(r"`|\w=['\"\d\w]|\w\(")


def for_readers(note: str) -> str:
    """Return the sentences of a note that do not speak of arguments or functions.

    Examples
    --------
    >>> for_readers("Older ones had more time. basis='new' compares them. Pass `by`.")
    'Older ones had more time.'
    """
    return " ".join(each for each in _SENTENCE.split(note) if not _CODE.search(each))
