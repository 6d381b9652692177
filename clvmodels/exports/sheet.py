"""The rows of an export as text, and their cells as numbers, days and names, strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clvmodels.errors import DataError, MissingColumnError
from clvmodels.exports.layout import Choices
from clvmodels.exports.stamps import days_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FILE", "ROW", "Decimal", "Sheet"]

FILE, ROW = "_file", "_row"
Decimal: TypeAlias = Literal[".", ","]

_NUMBER: Final = {
    ".": r"^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?$",
    ",": r"^[+-]?(\d+|\d{1,3}([.\x{a0}\x{202f} ]\d{3})+)(,\d*)?$",
}
_THOUSANDS: Final = {".": ",", ",": r"[.\x{a0}\x{202f} ]"}
_ROUNDED: Final = r"^\d([.,]\d+)?[eE]\+?\d+$"  # what spreadsheets make of long numbers


@dataclass(frozen=True)
class Sheet:
    """The rows of an export, under the names that its layout gives the columns.

    Attributes
    ----------
    frame : polars.DataFrame
        Columns by the keys of the layout's fields, those that are there, and FILE and ROW. Cells
        are text; those of a dataframe may be numbers or dates.
    names : dict
        What the export calls the columns, by key.
    files : tuple of str
        What to call each file in messages.
    decimal : str
        The decimal sign of numbers in text.
    """

    frame: pl.DataFrame
    names: dict[str, str]
    files: tuple[str, ...]
    decimal: Decimal = "."

    def has(self, key: str) -> bool:
        """Tell whether the export has a column."""
        return key in self.names

    def rows(self, keep: pl.Series) -> Sheet:
        """Return the sheet with some of its rows."""
        return Sheet(self.frame.filter(keep), self.names, self.files, self.decimal)

    def need(self, key: str, *, why: str) -> None:
        """Raise `MissingColumnError` unless the export has a column."""
        if not self.has(key):
            raise MissingColumnError(
                f"{why} needs the column {key!r}.",
                place="The export has none.",
                fix="Choose another amount, or export that column, too.",
            )

    def text(self, key: str) -> pl.Series:
        """Return a column as text without blanks around it; null where there is nothing.

        The apostrophe that spreadsheets put before numbers to keep them as text is taken off.
        """
        import polars as pl

        if not self.has(key):
            return pl.Series(key, [None] * self.frame.height, dtype=pl.String)
        cells = self.frame[key]
        if cells.dtype.is_float():
            cells = cells.fill_nan(None)
        if cells.dtype.is_float() and bool((cells.is_null() | (cells.round() == cells)).all()):
            cells = cells.cast(pl.Int64)  # ids, which pandas keeps as floats where some are missing
        bare = pl.col(key).str.strip_chars().str.strip_prefix("'").str.strip_chars()
        table = cells.cast(pl.String).to_frame()
        return table.select(pl.when(bare != "").then(bare).alias(key)).to_series()

    def ids(self, key: str) -> pl.Series:
        """Return a column of ids; those that a spreadsheet rounded (1.2E+12) are missing."""
        import polars as pl

        whole = pl.when(~pl.col(key).str.contains(_ROUNDED)).then(pl.col(key))
        return self.text(key).to_frame().select(whole).to_series()

    def money(self, key: str, *, missing: float | None = None) -> pl.Series:
        """Return a column of numbers; `missing` stands where there is none, which else is refused.

        Raises
        ------
        DataError
            A cell is no number, or blank. Nothing is guessed: 12,50 is one if the decimal sign is.
        """
        import polars as pl

        if not self.has(key) and missing is not None:
            return pl.Series(key, [missing] * self.frame.height, dtype=pl.Float64)
        cells = self.frame[key]
        if cells.dtype.is_numeric():
            values, bad = cells.cast(pl.Float64), cells.cast(pl.Float64).is_finite().not_()
        else:
            text = self.text(key)
            bad = text.str.contains(_NUMBER[self.decimal]).not_()
            plain = text.str.replace_all(_THOUSANDS[self.decimal], "").str.replace(
                self.decimal, ".", literal=True
            )
            values = plain.cast(pl.Float64, strict=False)
        if missing is None:
            bad = bad.fill_null(True)
        if bad.any():
            raise self._no_number(key, bad.fill_null(False))
        return values.fill_null(missing) if missing is not None else values

    def days(self, key: str, choices: Choices, *, utc: bool = False) -> pl.Series:
        """Return the day of each stamp of a column, null where it is blank.

        `utc` says that stamps without an offset are in UTC.
        """
        import polars as pl

        cells = self.frame[key] if self.has(key) else self.text(key)
        if cells.dtype == pl.String:
            cells = self.text(key)
        days, bad = days_of(
            cells, time_zone=choices.time_zone, date_format=choices.date_format, utc=utc
        )
        if bad.any():
            raise DataError(
                "Dates are written as 2024-01-31, with or without a time and an offset to UTC.",
                place=f"{self.place(bad)} has {self._cell(key, bad)} in {self.names[key]!r}.",
                fix="Correct it, or pass date_format=, for instance '%d/%m/%Y %H:%M'.",
            )
        return days

    def place(self, where: pl.Series) -> str:
        """Say which row is the first of some, and how many there are."""
        rows = self.frame.select(FILE, ROW).filter(where)
        file, row = rows.row(0)
        more = f" and {rows.height - 1:,} more" if rows.height > 1 else ""
        return f"Row {row:,} below the header of {self.files[file]}{more}"

    def _cell(self, key: str, where: pl.Series) -> str:
        cell = self.frame[key].filter(where)[0]
        return "nothing" if cell is None else repr(str(cell))

    def _no_number(self, key: str, bad: pl.Series) -> DataError:
        cell = self._cell(key, bad)
        hint = ", or pass decimal=','" if self.decimal == "." and "," in cell else ""
        return DataError(
            "Amounts are numbers such as 1234.50 or 1,234.50.",
            place=f"{self.place(bad)} has {cell} in {self.names[key]!r}.",
            fix=f"Correct it{hint}.",
        )
