"""What a summary state consists of, as `state.json` says it: rules, counts, files and updates."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, get_args

from clvmodels.customers import Grid, Returns
from clvmodels.errors import StateError
from clvmodels.frames.cleaning import FATES, Fate, FateCount, Invalid
from clvmodels.frames.reading import Rules

__all__ = ["Fingerprint", "Manifest", "Part", "Update", "from_json", "to_json"]

FORMAT: Final = "clvmodels summary state"
SCHEMA: Final = 2


@dataclass(frozen=True)
class Part:
    """A file of the state: its name in the folder, its rows, and its size."""

    name: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Fingerprint:
    """What tells whether two batches are the same rows, in any order and from any engine.

    Attributes
    ----------
    rows : int
        Rows of the batch, those left out included.
    digest : str
        Of customers, days and amounts, to the last bit.
    """

    rows: int
    digest: str


@dataclass(frozen=True)
class Update:
    """One batch of orders that a state holds.

    Attributes
    ----------
    number : int
        1 is the creation.
    applied : str
        When, in UTC.
    observed_until : date
        End of observation after it.
    first_day, last_day : date or None
        Days of its purchases and refunds; None if there are none.
    fingerprint : Fingerprint or None
        None if no row of it could be used.
    """

    number: int
    applied: str
    observed_until: date
    first_day: date | None
    last_day: date | None
    fingerprint: Fingerprint | None


@dataclass(frozen=True)
class Manifest:
    """A summary state at one moment.

    Attributes
    ----------
    rules : Rules
        How every batch is read, as `rfm_summary` would read the whole log.
    id_type : str
        The type of the ids, in polars' words.
    counts : dict
        Rows and money of each fate, over all batches.
    customers, days : tuple of Part
        At most two files each, the base and what came since. A customer's row in the second file
        replaces the one in the first; days in both add up.
    retired : tuple of str
        Files of the state before, kept for those who still read them.
    updates : tuple of Update
        All of them, the last one at the end.
    """

    rules: Rules
    id_type: str
    counts: dict[Fate, FateCount]
    customers: tuple[Part, ...]
    days: tuple[Part, ...]
    retired: tuple[str, ...]
    updates: tuple[Update, ...]

    @property
    def number(self) -> int:
        """The number of the last update."""
        return self.updates[-1].number if self.updates else 0

    @property
    def parts(self) -> tuple[Part, ...]:
        """All files of the state."""
        return self.customers + self.days


def to_json(manifest: Manifest) -> str:
    """Write a manifest."""
    head = {"format": FORMAT, "schema": SCHEMA}
    content = asdict(manifest)
    return json.dumps(head | content, indent=1, default=str, allow_nan=False) + "\n"


def from_json(text: str, *, place: str) -> Manifest:
    """Read a manifest; `place` names the file in errors.

    Raises
    ------
    StateError
        It is none, or of a schema that this version does not know.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise no_state(place, f"It is no JSON: {error}.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise no_state(place, "It is JSON, but of something else.")
    if content.get("schema") != SCHEMA:
        raise StateError(
            f"This version reads summary states of schema {SCHEMA}.",
            place=f"{place} has schema {content.get('schema')!r}.",
            fix="Upgrade clvmodels, or create the state again from the log.",
        )
    try:
        return _decode(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_state(place, f"Its content is malformed: {error!r:.200}.") from None


def no_state(place: str, why: str) -> StateError:
    """Return the error for a folder that is no summary state."""
    return StateError(
        "A summary state is a folder that SummaryState.create made.",
        place=f"{place}: {why}",
        fix="Check the path, restore the folder, or create the state again from the log.",
    )


def _decode(content: dict[str, Any]) -> Manifest:
    counts = content["counts"]
    if not set(counts) <= set(FATES):
        raise ValueError(f"unknown fates {sorted(set(counts) - set(FATES))}")
    for name in ("customers", "days", "updates"):
        if not content[name]:
            raise ValueError(f"no {name}")
    return Manifest(
        rules=_rules(content["rules"]),
        id_type=_text(content["id_type"]),
        counts={
            fate: FateCount(_whole(n["rows"]), _real(n["amount"])) for fate, n in counts.items()
        },
        customers=tuple(map(_part, content["customers"])),
        days=tuple(map(_part, content["days"])),
        retired=tuple(map(_text, content["retired"])),
        updates=tuple(map(_update, content["updates"])),
    )


def _rules(content: dict[str, Any]) -> Rules:
    amount = content["amount"]
    rules = Rules(**(content | {"amount": tuple(amount) if isinstance(amount, list) else amount}))
    known = ((rules.grid, Grid), (rules.returns, Returns), (rules.invalid, Invalid))
    if any(value not in get_args(kind) for value, kind in known):
        raise ValueError(f"unknown rules {content}")
    return rules


def _part(content: dict[str, Any]) -> Part:
    name = _text(content["name"])
    if "/" in name or "\\" in name:
        raise ValueError(f"{name!r} is no file of the folder")
    return Part(name, _whole(content["rows"]), _whole(content["bytes"]))


def _update(content: dict[str, Any]) -> Update:
    print_ = content["fingerprint"]
    return Update(
        number=_whole(content["number"]),
        applied=_text(content["applied"]),
        observed_until=date.fromisoformat(content["observed_until"]),
        first_day=_maybe(date.fromisoformat, content["first_day"]),
        last_day=_maybe(date.fromisoformat, content["last_day"]),
        fingerprint=_maybe(_fingerprint, print_),
    )


def _fingerprint(content: dict[str, Any]) -> Fingerprint:
    return Fingerprint(_whole(content["rows"]), _text(content["digest"]))


def _maybe(read: Callable[[Any], Any], value: object) -> Any:
    return None if value is None else read(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r:.80} is no count")
    return value


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.80} is no number")
    return float(value)
