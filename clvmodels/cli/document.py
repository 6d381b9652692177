"""Results as plain dictionaries: what ``--json`` prints."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvmodels.frames.ledger import Ledger
    from clvmodels.models.fit import Fit

__all__ = ["as_json", "describe_fit", "describe_ledger"]


def as_json(document: dict[str, Any]) -> str:
    """Return strict JSON: infinities and NaN as null, dates and other ids as text.

    Examples
    --------
    >>> print(as_json({"std_error": math.inf, "flat": ("a",)}))
    {
      "std_error": null,
      "flat": [
        "a"
      ]
    }
    """
    return json.dumps(_finite(document), indent=2, allow_nan=False, default=str, ensure_ascii=False)


def describe_fit(fit: Fit[Any]) -> dict[str, Any]:
    """Return estimates with standard errors and 95 % intervals, likelihood and certificate."""
    return {
        "model": type(fit.model).__name__,
        "estimates": fit.estimates.to_dict(orient="index"),
        "log_likelihood": fit.log_likelihood,
        "aic": fit.aic,
        "bic": fit.bic,
        "customers": int(fit.n_customers),
        "certificate": asdict(fit.certificate),
    }


def describe_ledger(ledger: Ledger) -> dict[str, Any]:
    """Return the entries of a ledger, and whether they add up."""
    return {
        "balances": ledger.balances,
        "entries": [asdict(entry) for entry in ledger.entries],
        "unmatched_refunds": ledger.unmatched_refunds,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
