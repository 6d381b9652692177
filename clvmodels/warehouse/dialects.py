"""SQL dialects: one query, written once, and generated for each of them by sqlglot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clvmodels.errors import DataError, MissingExtraError, ParameterError, did_you_mean

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = [
    "EXECUTED",
    "Dialect",
    "Step",
    "check_dialect",
    "check_name",
    "column",
    "number",
    "parse",
    "render",
    "table",
]

Dialect: TypeAlias = Literal["duckdb", "postgres", "spark", "bigquery", "snowflake"]
TableName: TypeAlias = str | tuple[str, ...]

TITLES: Final[dict[Dialect, str]] = {
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "spark": "Spark SQL",
    "bigquery": "BigQuery",
    "snowflake": "Snowflake",
}
#: Dialects whose queries the project's tests run and compare with Python.
EXECUTED: Final[tuple[Dialect, ...]] = ("duckdb", "postgres", "spark")
_CANONICAL: Final = "duckdb"
_MOST_PARTS: Final = 3  # catalogue, schema, table
_CTE: Final = "clv_"  # names of the steps begin with it


@dataclass(frozen=True)
class Step:
    """One step of a query: a common table expression.

    Attributes
    ----------
    name : str
        Its name, by which later steps read it.
    what : str
        What it does, written into the query as a comment. Never anything of the user's.
    query : Select
        The query.
    """

    name: str
    what: str
    query: exp.Select


def check_dialect(name: str) -> Dialect:
    """Return a known dialect, or raise.

    Raises
    ------
    MissingExtraError
        sqlglot is not installed.
    ParameterError
        The dialect is not known.
    """
    try:
        import_module("sqlglot")
    except ImportError:
        raise MissingExtraError(
            "Queries are generated with sqlglot.",
            place="It is not installed.",
            fix="Run: pip install 'clvmodels[sql]'.",
        ) from None
    known = "postgres" if name == "postgresql" else name
    for dialect in TITLES:
        if dialect == known:
            return dialect
    raise ParameterError(
        f"`dialect` is one of {', '.join(map(repr, TITLES))}.",
        place=f"Got {name!r}.",
        fix=did_you_mean(str(name), TITLES),
    )


def check_name(name: object, *, role: str) -> str:
    """Return the name of a column or of a part of a table's name, or raise `DataError`."""
    if isinstance(name, str) and name.strip() and name.isprintable():
        return name
    raise DataError(
        f"`{role}` is a name as the warehouse shows it, such as 'customer_id'.",
        place=f"Got {name!r}.",
        fix="Give the exact name, without quotes around it.",
    )


def table(name: TableName, *, role: str) -> exp.Table:
    """Return a table by its name: 'schema.orders', or the parts of it where they have dots.

    Raises
    ------
    DataError
        The name has no part, an empty one, or more than three, or is one of the steps of a query.
    """
    from sqlglot import exp

    parts = tuple(name.split(".")) if isinstance(name, str) else tuple(name)
    if not 1 <= len(parts) <= _MOST_PARTS:
        raise DataError(
            f"`{role}` is the name of a table, with at most a catalogue and a schema before it.",
            place=f"Got {name!r}, which has {len(parts)} parts.",
            fix="Give a name with dots as a tuple of its parts, such as ('shop', 'my.orders').",
        )
    names = [exp.to_identifier(check_name(part, role=role), quoted=True) for part in parts]
    padded = [None] * (_MOST_PARTS - len(names)) + names
    return exp.Table(**dict(zip(("catalog", "db", "this"), padded, strict=True)))


def refuse_step_name(name: exp.Table, steps: Sequence[Step], *, role: str) -> None:
    """Raise if a table without a schema has the name of a step, which would hide it."""
    if not name.db and name.name.casefold() in {step.name.casefold() for step in steps}:
        raise DataError(
            f"Steps of the query have names that begin with {_CTE!r}.",
            place=f"`{role}` is {name.name!r}, which is one of them.",
            fix="Put its schema before it, such as 'public." + name.name + "'.",
        )


def column(name: str) -> exp.Column:
    """Return a column of the user's, its name quoted."""
    from sqlglot import exp

    return exp.column(exp.to_identifier(name, quoted=True))


def number(value: float) -> str:
    """Return a float as SQL that reads back as the same double in every dialect.

    Bare literals are decimals in Spark, PostgreSQL and Snowflake.

    Examples
    --------
    >>> number(0.1)
    "CAST('0.1' AS DOUBLE)"
    """
    return f"CAST('{float(value)!r}' AS DOUBLE)"


def parse(text: str) -> exp.Select:
    """Return a query written in the dialect in which they are all written here.

    Only for text of the library's own: names of the user's come in as `column` and `table`.
    """
    from sqlglot import exp, parse_one

    return parse_one(text, dialect=_CANONICAL, into=exp.Select)


def render(final: exp.Expr, steps: Sequence[Step], dialect: Dialect, what: str) -> str:
    """Return a query with its steps, a comment before each, in a dialect."""
    from sqlglot import exp

    query = final.copy()
    if isinstance(query, exp.Select):
        for step in steps:
            body = step.query.copy()
            body.comments = [f" {step.what} "]
            query = query.with_(exp.to_identifier(step.name), as_=body, copy=False)
    for node in query.walk():
        _make_neutral(node, dialect)
    text = query.sql(dialect=dialect, pretty=True, identify=True)
    return f"{_header(dialect, what)}\n{text}"


def _make_neutral(node: exp.Expr, dialect: Dialect) -> None:
    """Drop what keeps the canonical dialect's treatment of nulls: here none reach these places."""
    from sqlglot import Dialect as SqlDialect
    from sqlglot import exp

    if isinstance(node, exp.Ordered):
        small = SqlDialect.get_or_raise(dialect).NULL_ORDERING == "nulls_are_small"
        node.set("nulls_first", small)
    elif isinstance(node, exp.Least | exp.Greatest):
        node.set("ignore_nulls", False)


def _header(dialect: Dialect, what: str) -> str:
    if dialect in EXECUTED:
        state = f"{TITLES[dialect]}."
    else:
        state = (
            f"{TITLES[dialect]}: NOT EXECUTED by the tests of clvmodels, which only parse it.\n"
            "   Compare some customers with Python before you rely on it."
        )
    return f"/* {what}\n   {state} */"
