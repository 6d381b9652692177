"""Histories as whole numbers, to group and to join by on any engine.

Where a summary was made from orders its times are whole periods of the grid, and whole numbers are
smaller and safer keys than floats: frequency, recency and T go into one. The times of a finished
table are what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers, Definitions
from clvmodels.frames.covariates import covariate_key
from clvmodels.frames.periods import units_per_period
from clvmodels.units import TimeUnit

__all__ = ["Keys", "keys_of"]

Array: TypeAlias = NDArray[np.float64]

_SPAN: Final = 1 << 21  # periods that a time can have, 5,700 years of days: three fit 64 bits


@dataclass(frozen=True)
class Keys:
    """How the states of customers are told apart.

    Attributes
    ----------
    timing : tuple of str
        What counts of frequency, recency and T, in this order.
    covariates : tuple of str
        Names of the covariates that count.
    lengths : tuple of float or None
        a, b such that n periods are n * a / b units; None for the times of a finished table.
    names : tuple of str
        Names of the key columns, which no other column has: one for all of `timing` where times are
        periods, else one for each.
    """

    timing: tuple[str, ...]
    covariates: tuple[str, ...]
    lengths: tuple[float, float] | None
    names: tuple[str, ...]

    def on(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Return the frame with the key columns."""
        own: list[Any] = [nw.col(name).cast(nw.Float64) for name in self.timing]
        if self.lengths is not None:
            per_unit = self.lengths[1] / self.lengths[0]
            whole = [own[0], *((time * per_unit).round() for time in own[1:])]
            own = [self._code([each.cast(nw.Int64) for each in whole])]
        elif "recency" in self.timing:  # as Customers cuts off rounding
            own[1] = nw.min_horizontal(own[1], own[2])
        keys = [*own, *(covariate_key(frame, name) for name in self.covariates)]
        return frame.with_columns(*(k.alias(n) for k, n in zip(keys, self.names, strict=True)))

    def of(self, states: Customers) -> dict[str, NDArray[Any]]:
        """Return the key columns of states, each of shape (n,)."""
        known = {"frequency": states.frequency, "recency": states.recency, "T": states.age}
        own: list[Any] = [known[name] for name in self.timing]
        if self.lengths is not None:
            per_unit = self.lengths[1] / self.lengths[0]
            whole = [own[0], *(np.rint(time * per_unit) for time in own[1:])]
            own = [self._code([each.astype(np.int64) for each in whole])]
        return dict(zip(self.names, [*own, *states.covariates.values()], strict=True))

    def read(self, table: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
        """Return a sorted table with the key columns replaced by what they stand for."""
        table = table.sort(*self.names)
        own = self.names[: len(self.names) - len(self.covariates)]
        columns = [table[name].to_numpy() for name in own]
        if self.lengths is not None:
            columns = self._decode(columns[0])
        read = {
            name: nw.new_series(name, np.asarray(column, dtype=np.float64), backend="polars")
            for name, column in zip(self.timing, columns, strict=True)
        }
        labels = dict(zip(self.names[len(own) :], self.covariates, strict=True))
        return table.with_columns(**read).drop(*own).rename(labels)

    @staticmethod
    def _code(whole: list[Any]) -> Any:
        """Write whole numbers as the digits of one; those of a summary are below `_SPAN`."""
        code = whole[0]
        for each in whole[1:]:
            code = code * _SPAN + each
        return code

    def _decode(self, code: NDArray[np.int64]) -> list[Array]:
        """Return frequency and times, the latter as rfm_summary computes them, to the last bit."""
        assert self.lengths is not None
        digits = []
        for _ in self.timing[1:]:
            code, digit = np.divmod(code, _SPAN)
            digits.append(digit.astype(np.float64) * self.lengths[0] / self.lengths[1])
        return [code.astype(np.float64), *reversed(digits)]


def keys_of(
    frame: nw.LazyFrame[Any],
    by: tuple[str, ...],
    *,
    definitions: Definitions | None,
    unit: TimeUnit,
) -> Keys:
    """Return how to tell apart the states of a frame by some of its columns."""
    timing = tuple(name for name in TIMING if name in by)
    covariates = tuple(name for name in by if name not in TIMING)
    lengths = None if definitions is None else units_per_period(definitions.grid, unit)
    number = (1 if lengths else len(timing)) + len(covariates)
    mark = nw.generate_temporary_column_name(8, list(frame.collect_schema().names()))
    return Keys(timing, covariates, lengths, tuple(f"{mark}{i}" for i in range(number)))
