"""The scoring of a log: to the screen, to a file, or to a folder of parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.cli.console import Reporter
from clvmodels.cli.orders import Orders, Summarised, summarised
from clvmodels.cli.parts import PartFolder, describe_job, open_parts
from clvmodels.cli.scoring import Valuation
from clvmodels.cli.sheets import Sheets, Totals, added, totals_of, write_whole
from clvmodels.cli.tables import refuse_input
from clvmodels.frames.predict import CLVModel

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Scoring"]

# Options that change how the work is done, and not what comes out.
_OF_NO_EFFECT = ("max_memory", "buckets", "source")


@dataclass(frozen=True)
class Scoring:
    """Orders, models and terms: what there is to score.

    Every way of scoring returns the facts of its report: end of observation, number of customers,
    totals.
    """

    orders: Orders
    models: CLVModel
    terms: Valuation
    reporter: Reporter

    def describe(self) -> dict[str, object]:
        """Return what the report begins with."""
        return {"command": "predict", **self.orders.describe()}

    def first(self, n: int) -> tuple[dict[str, Any], pl.DataFrame]:
        """Return the facts, and the `n` customers who are worth most."""
        import polars as pl

        totals, best = [], []
        with summarised(self.orders, self.reporter, account=False) as made:
            for sheet in self._scored(made, "Scoring"):
                totals.append(totals_of(sheet))
                best.append(_most_worth(sheet, n))
        return _facts(made, added(totals)), _most_worth(pl.concat(best), n)

    def to_file(self, path: Path) -> dict[str, Any]:
        """Write all predictions to a path."""
        totals: list[Totals] = []
        with summarised(self.orders, self.reporter, account=False) as made:
            sheets = self._table(made)
            with self.reporter.steps("Scoring", made.sheets) as advance:

                def seen(sheet: pl.DataFrame) -> None:
                    totals.append(totals_of(sheet))
                    advance()

                write_whole(sheets, sheets.schema(), path, seen=seen)
        return _facts(made, added(totals))

    def to_parts(self, path: Path, model: Path, *, resume: bool) -> dict[str, Any]:
        """Write predictions to a folder part by part; parts that are there stay as they are."""
        source = self.orders.options.source
        refuse_input(path / "part-00001.parquet", source)
        folder = open_parts(
            path, describe_job(source, self.orders.state, model, self._terms()), resume=resume
        )
        if folder.facts is not None:
            self.reporter.note(f"{path} is complete: there is nothing to do.")
        else:
            folder.finish(self._fill(folder))
        assert folder.facts is not None
        return folder.facts

    def _fill(self, folder: PartFolder) -> dict[str, Any]:
        with summarised(self.orders, self.reporter, account=False, work=folder.work) as made:
            if made.anew:
                folder.empty()
            if folder.parts:
                self.reporter.note(f"{len(folder.parts)} parts are there already.")
            sheets = self._table(made)
            with self.reporter.steps("Scoring", made.sheets) as advance:
                for number in range(made.sheets):
                    if number not in folder.parts:
                        rows = sheets.take(number)
                        folder.write(number, rows, totals_of(rows))
                    advance()
        return _facts(made, added(folder.parts[number] for number in range(made.sheets)))

    def _terms(self) -> dict[str, Any]:
        """Return all that decides what the numbers are, beside the orders and the model."""
        options = asdict(self.orders.options)
        kept = {name: value for name, value in options.items() if name not in _OF_NO_EFFECT}
        return kept | self.terms.describe() | self.orders.describe()

    def _table(self, made: Summarised) -> Sheets:
        with self.reporter.step("Evaluating the model"):
            return made.table(self.models.predict(made.rfm, **vars(self.terms)))

    def _scored(self, made: Summarised, text: str) -> Iterator[pl.DataFrame]:
        sheets = self._table(made)
        with self.reporter.steps(text, made.sheets) as advance:
            for sheet in sheets:
                yield sheet
                advance()


def _facts(made: Summarised, sums: Totals) -> dict[str, Any]:
    totals = {name: value for name, value in sums.items() if name != "customers"}
    until = made.rfm.observed_until
    return {"observed_until": until, "customers": sums["customers"], "totals": totals}


def _most_worth(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """Return the rows of highest value, or most purchases, in this order and then by id."""
    worth = "clv" if "clv" in rows.columns else "discounted_purchases"
    ids = rows.columns[0]
    ranked = rows.sort(worth, ids, descending=[True, False], nulls_last=True)
    return ranked.head(n)
