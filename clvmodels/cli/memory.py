"""What `--max-memory` means: how many orders are worked on at a time.

The estimate was measured on logs of up to 20 million orders; see docs/how-to/batch.md.
"""

from __future__ import annotations

import math
import re
from typing import Final

from clvmodels.errors import ParameterError

__all__ = ["bucket_count", "order_bytes", "read_memory"]

_UNITS: Final = {
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
# Python, the libraries and what streams through the engine at any time.
_BASE: Final = 250 * 2**20
# Of each further thread of the engine, for the rows that it has in its hands.
_THREAD: Final = 24 * 2**20
# Of an order while its bucket is summarised: two hash tables and what is in them.
_ORDER: Final = 90
_ORDER_NETTED: Final = 220  # where refunds are taken off: windows over each customer
_ID: Final = 2.5  # times the bytes of an id
# Of a bucket while the log is split: rows that wait to be written.
_WAITING: Final = 2 * 2**20
# Buckets are no larger even where memory is plenty: hash tables are faster while they are small.
_MOST_ORDERS: Final = 2_000_000
_MOST_BUCKETS: Final = 2_000


def read_memory(text: str) -> int:
    """Return a size in bytes.

    Raises
    ------
    ParameterError
        The text is no size.

    Examples
    --------
    >>> [read_memory(text) for text in ("2GB", "1.5 GiB", "800mb")]
    [2000000000, 1610612736, 800000000]
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower())
    if match is None or match[2] not in _UNITS:
        raise ParameterError(
            "`max_memory` is a number and a unit: MB, GB, TB, or MiB, GiB, TiB.",
            place=f"Got {text!r}.",
            fix="Write for instance --max-memory 2GB.",
        )
    return int(float(match[1]) * _UNITS[match[2]])


def order_bytes(id_bytes: float, *, nets: bool) -> float:
    """Return the memory that an order takes while its bucket is summarised.

    Parameters
    ----------
    id_bytes
        Mean size of a customer's id.
    nets
        Whether refunds are taken off purchases.
    """
    return (_ORDER_NETTED if nets else _ORDER) + _ID * id_bytes


def bucket_count(orders: int, size: float, *, limit: int | None, threads: int) -> int:
    """Return in how many buckets of customers a log is worked on.

    Parameters
    ----------
    orders
        Rows of the log.
    size
        Memory that an order takes.
    limit
        Bytes of memory that should not be exceeded; None for no limit.
    threads
        Threads of the engine.

    Raises
    ------
    ParameterError
        So many orders cannot be worked on in so little memory.

    Examples
    --------
    >>> bucket_count(100_000, 110.0, limit=None, threads=2)
    1
    >>> bucket_count(20_000_000, 110.0, limit=None, threads=2)
    10
    """
    by_speed = min(_MOST_BUCKETS, max(1, math.ceil(orders / _MOST_ORDERS)))
    if limit is None:
        return by_speed
    base = _BASE + _THREAD * max(0, threads - 2)
    for n in range(by_speed, _MOST_BUCKETS + 1):
        if base + max(orders / n * size, n * _WAITING) <= limit:
            return n
    least = base + math.sqrt(orders * size * _WAITING)
    raise ParameterError(
        "`max_memory` leaves room for the libraries, the engine and one bucket of orders.",
        place=f"{orders:,} orders on {threads} threads take at least about "
        f"{math.ceil(least / 1e7) * 10:,} MB; the limit is {limit / 1e6:,.0f} MB.",
        fix="Pass more, or fewer threads by the environment variable POLARS_MAX_THREADS.",
    )
