"""From exports of a shop to files of orders, for `read-orders`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from clvmodels.atomic import atomic_path
from clvmodels.cli.console import Reporter
from clvmodels.cli.tables import SHOWN, check_ending, refuse_input, screen_table
from clvmodels.errors import ClvError, DataError, ParameterError
from clvmodels.exports.reading import read_orders
from clvmodels.exports.result import ShopOrders

__all__ = ["key_of", "pairs_of", "rates_of", "tell_orders"]

# What the library says of arguments that the command line writes otherwise.
_SHELL: Final = (
    (r"rates=\{'(\w+)': ([\d.]+)(, \.\.\.)?\}", r"--rate \1=\2"),
    (r"\{'(\w+)': ([\d.]+)\}", r"--rate \1=\2"),
    (r"statuses=\{'([^']*)': '([^']*)'\}", r"--status '\1=\2'"),
    (r"keep=\['([^']*)'\]", r"--keep '\1'"),
    (r"(layout|currency|repeated|amount|decimal)='([^']*)'", r"--\1 \2"),
    (r"hash_emails=True", "--hash-emails"),
    (r"`?\b(time_zone|date_format|currency|layout|keep)=(?!=)", r"--\1"),
    (r"`?\brates=?`?(?=[ .,]|$)", "--rate"),
    (r"`hash_emails`", "--hash-key"),
    (r"`(currency|layout|amount|keep|statuses|identify_by|time_zone)`", r"--\1"),
)


def tell_orders(
    exports: list[str], reporter: Reporter, *, out: Path | None, settings: dict[str, Any]
) -> None:
    """Read exports by the arguments of `clvmodels.read_orders`, and write or show the orders."""
    check_ending(out, option="--out", table=True)
    with _in_shell_words(), reporter.step("Reading the export"):
        orders = read_orders(exports, **settings)
    _told(orders, exports, out, reporter)


def describe(orders: ShopOrders) -> dict[str, Any]:
    """Return what was read and its account, for the JSON."""
    return {
        "command": "read-orders",
        "layout": orders.layout,
        "amount": orders.amount,
        "currency": orders.currency,
        "rates": orders.rates,
        "rows_read": orders.rows_read,
        "balances": orders.balances,
        "account": orders.account.to_dict("records"),
        "notes": orders.notes,
    }


def _told(orders: ShopOrders, exports: list[str], out: Path | None, reporter: Reporter) -> None:
    """Write the orders, and print the account and, if nothing is written, the first of them."""
    facts = describe(orders)
    if out is None:
        first = orders.frame.head(SHOWN)
        reporter.result(
            facts | {"out": [], "first": first.to_dicts()}, str(orders), "", screen_table(first)
        )
        return
    files = _files(orders, out)
    for path, part in files.items():
        _write(part, path, exports)
    reporter.result(facts | {"out": list(files)}, str(orders))
    for path in files:
        reporter.note(f"Written: {path}")


def _files(orders: ShopOrders, out: Path) -> dict[Path, ShopOrders]:
    """Return what goes to which file: all to one, or a file each for several currencies."""
    parts = orders.by_currency()
    if len(parts) == 1:
        return {out: orders}
    return {
        out.with_stem(f"{out.stem}-{code.replace(' ', '-').lower()}"): part
        for code, part in parts.items()
    }


def _write(orders: ShopOrders, path: Path, exports: list[str]) -> None:
    for source in exports:
        refuse_input(path, source)
    with atomic_path(path) as temporary:
        if path.name.lower().endswith(".csv"):
            orders.frame.write_csv(temporary)
        else:
            orders.frame.write_parquet(temporary)


# --- options ----------------------------------------------------------------------------------


def pairs_of(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """Return NAME=VALUE options as pairs."""
    pairs = [each.partition("=") for each in given or ()]
    for name, sign, value in pairs:
        if not (name.strip() and sign and value.strip()):
            raise ParameterError(
                f"{option} is a name and what it stands for, with = between them.",
                place=f"Got {name + sign + value!r}.",
                fix=f"Write {option} EUR=1.08."
                if option == "--rate"
                else f"Write {option} shipped=paid.",
            )
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def rates_of(given: list[str] | None) -> dict[str, float] | None:
    """Return CODE=NUMBER options as rates; None if there are none."""
    return {code: _number(rate) for code, rate in pairs_of(given, "--rate")} or None


def _number(rate: str) -> float:
    try:
        return float(rate)
    except ValueError:
        raise ParameterError(
            "A rate is a number.", place=f"Got {rate!r}.", fix="Write --rate EUR=1.08."
        ) from None


def key_of(hash_emails: bool, path: Path | None) -> bool | bytes:
    """Return the key in a file without blanks around it, or whether to make one."""
    if path is None:
        return hash_emails
    if not path.is_file():
        raise DataError(
            "--hash-key names a file with the key.",
            place=f"There is none at {path}.",
            fix="Make one with: python -c 'import secrets; print(secrets.token_hex(32))' > FILE, "
            "and keep it away from the data.",
        )
    return path.read_bytes().strip()


@contextmanager
def _in_shell_words() -> Iterator[None]:
    """Say what the library says about arguments as options of this command."""
    try:
        yield
    except ClvError as error:
        raise type(error)(
            _shell(error.rule), place=_shell(error.place), fix=_shell(error.fix)
        ) from error


def _shell(text: str) -> str:
    for pattern, instead in _SHELL:
        text = re.sub(pattern, instead, text)
    return re.sub(r"--[a-z_]+", lambda option: option[0].replace("_", "-"), text)
