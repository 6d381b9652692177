"""A loaded fit with the histories that it was fitted to, where a summary has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clvmodels.errors import DataError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.models.fit import Fit
from clvmodels.models.provenance import rows_of

__all__ = ["with_histories"]


def with_histories(given: Any, rfm: CustomerSummary | None) -> Any:
    """Return a fit with its histories, where it lacks them, needs them and the summary has them.

    At a limit of its model the error of a fit is told by its histories, which files do not keep.

    Parameters
    ----------
    given
        A fit; anything else comes back as it is.
    rfm
        The summary that may be the one that was fitted.

    Examples
    --------
    >>> with_histories(1.0, None)
    1.0
    """
    if not isinstance(given, Fit) or given.histories is not None or rfm is None:
        return given
    if np.isfinite(np.diag(given.covariance)).all():
        return given
    try:
        return replace(given, histories=rows_of(given, rfm, "An interval").customers)
    except DataError:  # it was fitted to others
        return given
