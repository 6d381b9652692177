"""Warnings while a report is made: many steps read the same log, and the page says most of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from clvmodels.errors import DataWarning, IdentifiabilityWarning

__all__ = ["once_each"]


@contextmanager
def once_each() -> Iterator[None]:
    """Give each warning of the log once, at the end, and those of others as they were.

    What a certificate says is in the page beside its fit, so that it is no warning here.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    told = set()
    for each in caught:
        if issubclass(each.category, IdentifiabilityWarning):
            continue
        if issubclass(each.category, DataWarning):
            if str(each.message) not in told:
                told.add(str(each.message))
                warnings.warn(each.message, each.category, stacklevel=4)
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
