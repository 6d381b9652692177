"""Histories as whole numbers, to group and to join by on any engine.

Where a summary was made from orders its times are whole periods of the grid, and whole numbers are
smaller and safer keys than floats: frequency and T go into one, recency into another. The times of
a finished table are what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Definitions
from clvmodels.frames.covariates import covariate_key
from clvmodels.frames.periods import units_per_period
from clvmodels.units import TimeUnit

__all__ = ["Keys", "keys_of"]

Array: TypeAlias = NDArray[np.float64]

_SPAN: Final = 1 << 22  # periods of T, 11,000 years of days; leaves 2^41 for the frequency


@dataclass(frozen=True)
class Keys:
    """How the states of customers are told apart.

    Attributes
    ----------
    by : tuple of str
        What a state is: 'frequency' and 'T', perhaps 'recency', then covariates.
    lengths : tuple of float or None
        a, b such that n periods are n * a / b units; None for the times of a finished table.
    names : tuple of str
        Names of the key columns, which no other column has.
    """

    by: tuple[str, ...]
    lengths: tuple[float, float] | None
    names: tuple[str, ...]

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the covariates among the keys."""
        return tuple(name for name in self.by if name not in ("frequency", "recency", "T"))

    def on(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Return the frame with the key columns."""
        x, t_x, T = (nw.col(name).cast(nw.Float64) for name in ("frequency", "recency", "T"))
        own: list[Any]
        if self.lengths is None:
            own = [x, T, nw.min_horizontal(t_x, T)]  # as Customers cuts off rounding
        else:
            per_unit = self.lengths[1] / self.lengths[0]
            periods, last = ((time * per_unit).round().cast(nw.Int64) for time in (T, t_x))
            own = [x.cast(nw.Int64) * _SPAN + periods, last]
        timing = own if "recency" in self.by else own[: 2 if self.lengths is None else 1]
        keys = [*timing, *(covariate_key(frame, name) for name in self.covariates)]
        return frame.with_columns(*(k.alias(n) for k, n in zip(keys, self.names, strict=True)))

    def of(self, states: Customers) -> dict[str, NDArray[Any]]:
        """Return the key columns of states, each of shape (n,)."""
        x, T, t_x = states.frequency, states.age, states.recency
        assert T is not None
        own: list[NDArray[Any]] = [x, T]
        if self.lengths is not None:
            own = [x.astype(np.int64) * _SPAN + self._periods(T)]
        if "recency" in self.by:
            assert t_x is not None
            own.append(t_x if self.lengths is None else self._periods(t_x))
        return dict(zip(self.names, [*own, *states.covariates.values()], strict=True))

    def read(self, table: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
        """Return a table with the key columns replaced by what they stand for."""
        own = self.names[: len(self.names) - len(self.covariates)]
        columns = [table[name].to_numpy() for name in own]
        if self.lengths is not None:
            columns = [columns[0] // _SPAN, *map(self._units, (columns[0] % _SPAN, *columns[1:]))]
        read = {
            name: nw.new_series(name, np.asarray(column, dtype=np.float64), backend="polars")
            for name, column in zip(("frequency", "T", "recency"), columns, strict=False)
        }
        labels = dict(zip(self.names[len(own) :], self.covariates, strict=True))
        return table.with_columns(**read).drop(*own).rename(labels)

    def _periods(self, times: Array) -> NDArray[np.int64]:
        assert self.lengths is not None
        return np.rint(times * (self.lengths[1] / self.lengths[0])).astype(np.int64)

    def _units(self, periods: NDArray[np.int64]) -> Array:
        """Return times as rfm_summary computes them, to the last bit."""
        assert self.lengths is not None
        return np.asarray(periods.astype(np.float64) * self.lengths[0] / self.lengths[1])


def keys_of(
    frame: nw.LazyFrame[Any],
    by: tuple[str, ...],
    *,
    definitions: Definitions | None,
    unit: TimeUnit,
) -> Keys:
    """Return how to tell apart the states of a frame by some of its columns."""
    lengths = None if definitions is None else units_per_period(definitions.grid, unit)
    timing = len({"frequency", "recency", "T"}.intersection(by))
    number = timing - (lengths is not None)
    taken = list(frame.collect_schema().names())
    names: list[str] = []
    for _ in range(number + len(by) - timing):
        names.append(nw.generate_temporary_column_name(8, [*taken, *names]))
    return Keys(by, lengths, tuple(names))
