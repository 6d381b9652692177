"""`clvmodels read-orders`: what the library reads, to files, the screen or JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.cli import main
from tests.cli.conftest import Outcome
from tests.exports.files import SHOPIFY, shopify_order, write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["read-orders", *(str(each) for each in arguments)])
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    dollars = shopify_order("#1", "Ann@x.com", "10.00", lines=2, **{"Refunded Amount": "4.00"})
    write(tmp_path / "exports" / "a.csv", SHOPIFY, dollars)
    write(
        tmp_path / "exports" / "b.csv",
        SHOPIFY,
        [
            *shopify_order("#2", "b@x.com", "20.00", Currency="EUR"),
            *shopify_order("#3", "b@x.com", "1.00", **{"Financial Status": "on_account"}),
        ],
    )
    return tmp_path


def test_a_file_of_orders(run: Callable[..., Outcome], folder: Path) -> None:
    out = folder / "orders.parquet"
    settings = ("--currency", "usd", "--rate", "EUR=1.5", "--status", "on_account=not paid")
    document = run(folder / "exports/*.csv", "--out", out, "--json", *settings).document
    wanted = clv.read_orders(
        folder / "exports/*.csv",
        currency="USD",
        rates={"EUR": 1.5},
        statuses={"on account": "not paid"},
    )
    assert pl.read_parquet(out).equals(wanted.frame)
    assert document["account"] == wanted.account.to_dict("records")
    assert document["command"] == "read-orders"
    assert (document["layout"], document["currency"]) == ("shopify", "USD")
    assert document["balances"] is True
    assert document["out"] == [str(out)]
    done = run(folder / "exports/a.csv", folder / "exports/b.csv", *settings, "--keep", "not paid")
    assert done.code == 0
    assert "shopify: 3 orders, 1 refund" in done.out
    assert "ann@x.com" in done.out


def test_currencies_apart_in_files_apart(run: Callable[..., Outcome], folder: Path) -> None:
    job = (folder / "exports", "--status", "on account=paid")
    refused = run(*job)
    assert refused.code == 2
    assert "USD 7.00 in 2 orders; EUR 20.00 in 1 order" in refused.err
    for words in ("--currency USD to keep one", "--rate EUR=1.08", "--currency each"):
        assert words in refused.err
    done = run(*job, "--currency", "each", "--out", folder / "o.csv")
    assert done.code == 0
    assert {path.name for path in folder.glob("o*.csv")} == {"o-eur.csv", "o-usd.csv"}
    assert pl.read_csv(folder / "o-usd.csv")["amount"].to_list() == [10.0, -4.0, 1.0]


def test_hashed_with_the_key_of_a_file(run: Callable[..., Outcome], folder: Path) -> None:
    key = folder / "key"
    key.write_text("0123456789abcdef\n")
    run(folder / "exports/a.csv", "--hash-key", key, "--out", folder / "o.parquet")
    found = pl.read_parquet(folder / "o.parquet")
    wanted = clv.read_orders(folder / "exports/a.csv", hash_emails="0123456789abcdef")
    assert found.equals(wanted.frame)
    assert "ann@" not in run(folder / "exports/a.csv", "--hash-emails").out.lower()
    missing = run(folder / "exports/a.csv", "--hash-key", folder / "none")
    assert missing.code == 2
    assert "secrets.token_hex(32)" in missing.err


def test_errors_in_words_of_the_shell(run: Callable[..., Outcome], folder: Path) -> None:
    for arguments, words in {
        ("exports/b.csv",): "--status 'on account=paid'",
        ("exports/a.csv", "--rate", "EUR"): "Write --rate EUR=1.08",
        ("exports/a.csv", "--rate", "EUR=much"): "A rate is a number",
        ("exports/a.csv", "--rate", "EUR=1.1"): "--currency",
        ("exports/a.csv", "--out", "orders.json"): ".parquet or .csv",
        ("exports/a.csv", "--amount", "gross"): "'subtotal': Subtotal",
        ("exports/a.csv", "--identify-by", "cookie"): "--identify-by names what tells",
        ("exports/a.csv", "--keep", "odd"): "--keep names reasons",
        ("exports/a.csv", "--time-zone", "Nowhere"): "--time-zone is a name",
    }.items():
        done = run(folder / arguments[0], *arguments[1:])
        assert done.code == 2, arguments
        assert words in done.err, arguments
    own = run(
        folder / "exports/*.csv",
        "--currency",
        "USD",
        "--status",
        "on account=paid",
        "--out",
        folder / "exports/c.csv",
    )
    assert own.code == 2
    assert "among the inputs" in own.err
