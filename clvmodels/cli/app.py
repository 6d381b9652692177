"""All commands on one application; the first imported stand first in its help."""

from __future__ import annotations

from clvmodels.cli import valuing  # isort: skip - before the commands that judge
from clvmodels.cli import (
    audit,
    cohorts,
    compare_groups,
    economics,
    explain,
    judging,
    read_orders,
    segment,
    what_if,
)
from clvmodels.cli.root import app

__all__ = [
    "app",
    "audit",
    "cohorts",
    "compare_groups",
    "economics",
    "explain",
    "judging",
    "read_orders",
    "segment",
    "valuing",
    "what_if",
]
