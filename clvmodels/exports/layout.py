"""What a layout is: its columns, and how its rows become entries of money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import polars as pl

    from clvmodels.exports.sheet import Sheet

__all__ = [
    "ENTRY_COLUMNS",
    "EXTRAS",
    "KEY",
    "PART",
    "PROGRESS",
    "REASON",
    "REASONS",
    "ROWS",
    "SALE",
    "VERSION",
    "Choices",
    "Entries",
    "Field",
    "Identity",
    "Layout",
    "Reason",
]

Identity: TypeAlias = Literal["email", "account", "phone", "name"]
Reason: TypeAlias = Literal["cancelled", "test", "failed", "not paid"]
REASONS: Final[tuple[Reason, ...]] = ("cancelled", "test", "failed", "not paid")

# What an order is told apart by, which of its versions an entry belongs to (the files of an export
# may overlap) and how far it had come in it; why it is left out; how many rows of the export it
# stands for; whether it makes an order, or a refund only. PART, if a layout has it, is the
# day of refunds in rows of their own: they add up where sales are the same order again.
KEY, VERSION, PROGRESS, PART = "_key", "_version", "_progress", "_part"
REASON, ROWS, SALE = "_reason", "_rows", "_sale"
EXTRAS: Final = ("channel", "country", "discount_code")
ENTRY_COLUMNS: Final = (
    *(KEY, VERSION, PROGRESS, REASON, ROWS, SALE),
    *("order_id", "date", "refund_date", "amount", "refund", "currency"),
)


@dataclass(frozen=True)
class Field:
    """A column of a layout.

    Attributes
    ----------
    key : str
        What it is called here.
    names : tuple of str
        What exports call it; capitals, spaces and punctuation make no difference.
    required : bool
        Whether a file without it has another layout.
    """

    key: str
    names: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True)
class Choices:
    """What the caller decides about the rows; see `read_orders`."""

    amount: str
    time_zone: str | None
    date_format: str | None
    statuses: Mapping[str, str]
    keep: frozenset[str]
    test_tags: frozenset[str]


@dataclass(frozen=True)
class Entries:
    """The money of an export, with what the account and the result need.

    Attributes
    ----------
    frame : polars.DataFrame
        ENTRY_COLUMNS, columns of identities and of EXTRAS. `amount` is at least zero, `refund` at
        most; REASON is null where nothing speaks against an order.
    notes : tuple of str
        What the layout cannot tell.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A kind of export.

    Attributes
    ----------
    name, title : str
        What `layout=` calls it, and what people do.
    fields : tuple of Field
        The columns that are read.
    known : tuple of str
        Further columns that such exports have.
    amounts : dict
        What may count as the amount of an order, and what that is; the first is the default.
    identities : tuple
        What tells customers apart, the first that is there.
    entries : callable
        From the rows to the entries.
    """

    name: str
    title: str
    fields: tuple[Field, ...]
    amounts: Mapping[str, str]
    identities: tuple[Identity, ...]
    entries: Callable[[Sheet, Choices], Entries]
    known: tuple[str, ...] = field(default=())

    @property
    def required(self) -> tuple[Field, ...]:
        """The columns without which a file has another layout."""
        return tuple(each for each in self.fields if each.required)
