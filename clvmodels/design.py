"""From covariates to numbers: a formula, the levels of its categories, and the columns they make.

Formulas are read by formulaic. They are also kept in model files, so only names of columns and a
few functions of one row are allowed: nothing that a file says is ever run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Covariates
from clvmodels.errors import DataError, MissingColumnError, ParameterError, did_you_mean, first_few
from clvmodels.special import distinct_rows

if TYPE_CHECKING:
    from formulaic import Formula, ModelSpec

__all__ = ["Design", "Level"]

Array: TypeAlias = NDArray[np.float64]
Level: TypeAlias = str | float

_MANY_LEVELS, _CUSTOMERS_A_LEVEL, _MOST_LEVELS = 20, 5, 500
_FUNCTIONS: Final = ("C", "I", "log", "log2", "log10", "exp")
_ALLOWED: Final = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd),
)


@dataclass(frozen=True)
class Design:
    """A formula without response, and the levels of its categorical variables.

    Attributes
    ----------
    formula : str
        Such as ``"channel + log(age)"``. The intercept is the model's own parameter.
    levels : tuple of (str, tuple)
        Categorical variables with their levels; the first level is the one compared with.
    """

    formula: str
    levels: tuple[tuple[str, tuple[Level, ...]], ...]

    @classmethod
    def of(cls, formula: str, covariates: Covariates) -> Design:
        """Return the design of a formula, with the levels that the covariates have.

        Raises
        ------
        ParameterError
            The formula cannot be read, or does what a formula may not do.
        MissingColumnError
            It names a column that is not there.
        """
        variables = formula_variables(formula)
        categories = _in_categories(formula)
        levels = []
        for name in variables:
            column = _column(covariates, name)
            if column.dtype.kind == "U" or name in categories:
                found = tuple(np.unique(column).tolist())
                _refuse_levels(name, len(found), len(column))
                levels.append((name, found))
        return cls(formula, tuple(levels))

    @staticmethod
    def names(formula: str) -> tuple[str, ...]:
        """Return the names of the columns that a formula uses, sorted."""
        return formula_variables(formula)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the covariates, sorted."""
        return formula_variables(self.formula)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the formula makes, without the intercept."""
        return tuple(name for name in _spec(self).column_names if name != "Intercept")

    def matrix(self, covariates: Covariates) -> Array:
        """Return the columns for customers with these covariates, shape (n, m).

        Raises
        ------
        DataError
            A category has a level that the fit has not seen, or a value is not finite.
        """
        import pandas as pd

        known = {name: _column(covariates, name) for name in self.variables}
        first, code = distinct_rows(*known.values())
        few: dict[str, Any] = {name: column[first] for name, column in known.items()}
        levels = dict(self.levels)
        for name, column in known.items():
            _refuse_other_kind(name, column, levels.get(name, (0.0,)))
            if name in levels:
                _refuse_unseen(name, few[name], levels[name], column)
        table = pd.DataFrame(few)
        with np.errstate(all="ignore"):  # what is not finite is refused below, with its place
            made = np.asarray(_computed(self, table), dtype=np.float64)
        names = _spec(self).column_names
        columns = made[:, [i for i, name in enumerate(names) if name != "Intercept"]]
        bad = ~np.isfinite(columns)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            where = table.iloc[row].to_dict()
            raise DataError(
                "Every column of a formula is a finite number for every customer.",
                place=f"{self.columns[column]!r} is {columns[row, column]} for {where}.",
                fix="Use log(x) for positive x alone, and cap what overflows.",
            )
        return np.asarray(columns[code])


def formula_variables(formula: str) -> tuple[str, ...]:
    """Return the names of the columns that a formula uses, sorted; raise if it may not be used."""
    if not isinstance(formula, str):
        raise _refused(formula, "It is no text.")
    _refuse_operators(formula)
    names: set[str] = set()
    for factor in _factors(_parsed(formula)):
        names |= _names_in(factor, formula)
    if not names:
        raise _refused(formula, "It names no column.")
    return tuple(sorted(names))


@cache
def _parsed(formula: str) -> Formula:
    from formulaic import Formula
    from formulaic.errors import FormulaParsingError, FormulaSyntaxError
    from formulaic.formula import SimpleFormula

    try:
        parsed = Formula(formula)
    except (FormulaParsingError, FormulaSyntaxError, SyntaxError, ValueError, TypeError) as error:
        raise _refused(formula, f"It cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(parsed, SimpleFormula):
        raise _refused(formula, "It has a response or several parts.")
    if "1" not in [str(term) for term in parsed]:
        raise _refused(formula, "It leaves out the intercept, which the model itself provides.")
    return parsed


def _refuse_operators(formula: str) -> None:
    """Raise at operators that formulas of R have and that do something else than they look like."""
    plain = re.sub(r"`[^`]*`", "x", formula)
    while (shorter := re.sub(r"\w+\([^()]*\)", "x", plain)) != plain:
        plain = shorter
    found = re.search(r"\*\*|[^\w\s+:*()-]", plain)
    if found and found[0] != "~":  # a response is refused by its own words
        raise _refused(formula, f"{found[0]!r} joins no columns; powers are I(x**2).")


def _factors(parsed: Any) -> list[Any]:
    return [factor for term in parsed for factor in term.factors if str(factor) != "1"]


def _names_in(factor: Any, formula: str) -> set[str]:
    """Return the columns in a factor; raise unless it is a name or a function that is allowed."""
    if factor.eval_method.value == "lookup":
        return {factor.expr}
    try:
        tree = ast.parse(factor.expr, mode="eval")
    except SyntaxError:
        raise _refused(formula, f"{factor.expr!r} cannot be read.") from None
    functions = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = set()
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise _refused(formula, f"{factor.expr!r} is more than arithmetic.")
        if isinstance(node, ast.Call) and (node.keywords or len(node.args) != 1):
            raise _refused(formula, f"{factor.expr!r} has a function of more than one column.")
        if isinstance(node, ast.Name) and id(node) in functions:
            if node.id not in _FUNCTIONS:
                raise _refused(formula, f"{node.id}() is not known here.")
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Constant) and not isinstance(node.value, (int, float)):
            raise _refused(formula, f"{factor.expr!r} is more than arithmetic.")
    return names


def _in_categories(formula: str) -> set[str]:
    """Return the variables x that appear as C(x)."""
    found: set[str] = set()
    for factor in _factors(_parsed(formula)):
        if factor.expr.startswith("C("):
            found |= _names_in(factor, formula)
    return found


@cache
def _spec(design: Design) -> ModelSpec:
    """Return formulaic's plan, made from the levels alone, so that it never depends on the data."""
    import pandas as pd
    from formulaic import model_matrix

    levels = dict(design.levels)
    rows = max([1, *(len(each) for each in levels.values())])
    table = {
        name: np.resize(np.array(levels[name]), rows) if name in levels else np.ones(rows)
        for name in design.variables
    }
    made = model_matrix(
        _parsed(design.formula), pd.DataFrame(table), context={}, na_action="ignore"
    )
    spec: ModelSpec = made.model_spec
    return spec


def _computed(design: Design, table: Any) -> Any:
    """Return formulaic's columns, or raise what it says as `ParameterError`."""
    from formulaic.errors import FormulaicError

    try:
        return _spec(design).get_model_matrix(table)
    except FormulaicError as error:
        raise _refused(design.formula, f"It cannot be computed: {error}") from None


def _column(covariates: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in covariates:
        hint = did_you_mean(name, covariates) if covariates else "There are no covariates at all."
        raise MissingColumnError(
            "The covariates of a model are columns of the customers.",
            place=f"There is no column {name!r}. {hint}",
            fix="Join them with rfm.with_covariates(table), or pass covariates= to "
            "Customers.from_arrays.",
        )
    return covariates[name]


def _refuse_levels(name: str, levels: int, rows: int) -> None:
    """Raise at a category that tells nothing, or that is no category."""
    if levels < 2:
        raise DataError(
            "Every column of a formula tells something that the others do not.",
            place=f"{name} is the same for all customers.",
            fix="Leave it out.",
        )
    if levels > _MOST_LEVELS or (levels > _MANY_LEVELS and levels * _CUSTOMERS_A_LEVEL > rows):
        raise DataError(
            "A category has levels that many customers share.",
            place=f"{name} has {levels:,} levels in {rows:,} distinct rows. Is it an id or a date?",
            fix="Merge its levels, or make it a number.",
        )


def _refuse_other_kind(name: str, column: NDArray[Any], levels: tuple[Level, ...]) -> None:
    """Raise if numbers have become text, or text numbers, since the fit."""
    was, is_text = isinstance(levels[0], str), column.dtype.kind == "U"
    if was != is_text:
        kinds = ("text", "numbers") if was else ("numbers", "text")
        raise DataError(
            "A covariate is of the kind that the fit has seen.",
            place=f"{name} was {kinds[0]} in the fit and is {kinds[1]} here.",
            fix="Convert the column.",
        )


def _refuse_unseen(
    name: str, few: NDArray[Any], levels: tuple[Level, ...], column: NDArray[Any]
) -> None:
    unseen = sorted(set(few.tolist()) - set(levels))
    if unseen:
        count = int(np.isin(column, unseen).sum())
        raise DataError(
            "A fit predicts for the levels of a covariate that it has seen.",
            place=f"{count} rows have {name} {first_few([repr(each) for each in unseen])}; seen "
            f"were {first_few([repr(each) for each in levels])}.",
            fix="Fit again with these levels, or merge them into known ones.",
        )


def _refused(formula: object, place: str) -> ParameterError:
    return ParameterError(
        f"A formula joins columns by +, : or *, with {', '.join(f'{f}()' for f in _FUNCTIONS)}.",
        place=f"Got {formula!r:.100}. {place}",
        fix="Write for example 'channel + log(age)'; compute anything else as a column first.",
    )
