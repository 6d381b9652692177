"""Tables of text as markdown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["markdown"]


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table with a line of names."""
    rows = (head, ["---"] * len(head), *lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
