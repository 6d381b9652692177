"""Distinct histories of a lazy summary and how many customers have each, counted on the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from clvmodels.customers import Customers, Definitions
from clvmodels.frames.columns import LOG_INTERVALS
from clvmodels.frames.covariates import covariate_values
from clvmodels.frames.engines import collected
from clvmodels.frames.keys import keys_of
from clvmodels.units import TimeUnit

__all__ = ["timing_patterns"]


def timing_patterns(
    frame: nw.LazyFrame[Any],
    by: tuple[str, ...],
    *,
    definitions: Definitions | None,
    unit: TimeUnit,
) -> Customers:
    """Return weighted customers, one for each history that differs by some columns.

    Where there are log intervals and recency counts, each has their mean over its customers.

    Parameters
    ----------
    frame
        A lazy summary.
    by
        Columns that make a history: frequency, recency and T, or some of them, and covariates.
    definitions, unit
        Those of the summary.
    """
    keys = keys_of(frame, by, definitions=definitions, unit=unit)
    known = frame.collect_schema().names()
    intervals = [LOG_INTERVALS] if "recency" in by and LOG_INTERVALS in known else []
    weight = keys.names[0] + "n"  # no covariate has this name
    counted = (
        keys.on(frame)
        .group_by(*keys.names)
        .agg(nw.len().alias(weight), *(nw.col(name).mean() for name in intervals))
    )
    table = keys.read(collected(counted))
    floats = {
        name: table[name].cast(nw.Float64).to_numpy()
        for name in table.columns
        if name not in keys.covariates
    }
    x, T = floats["frequency"], floats["T"]
    found = Customers.from_arrays(
        x,
        floats.get("recency", np.where(x > 0.0, T, 0.0)),
        T,
        unit=unit,
        weight=floats[weight],
        log_intervals=floats.get(LOG_INTERVALS),
        covariates={name: covariate_values(table[name]) for name in keys.covariates},
    )
    return found if "recency" in by else replace(found, recency=None)
