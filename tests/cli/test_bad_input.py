"""Bad usage and bad data end with exit code 2, one paragraph on stderr, and nothing on stdout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import clvmodels as clv

LOGS = {
    "good.csv": "customer_id,date,amount\n1,2024-01-01,3\n1,2024-02-01,4\n2,2024-01-05,5\n",
    "empty.csv": "",
    "header.csv": "customer_id,date\n",
    "dates.csv": "customer_id,date,amount\n1,01/13/2024,3\n1,2024-02-01,4\n",
    "ragged.csv": "customer_id,date,amount\n1,2024-01-01,3\n2,2024-01-04,3,5,6\n",
    "dollars.csv": "customer_id,date,amount\n1,2024-01-01,$3\n1,2024-02-01,$4\n",
    "unclear.csv": "client_id,customer_id,date,amount\n1,1,2024-01-01,3\n",
    "foreign.csv": "kunde,datum,betrag\n1,2024-01-01,3\n",
    "refunds.csv": "customer_id,date,amount\n1,2024-01-01,3\n1,2024-02-01,-4\n",
    "anonymous.csv": "customer_id,date,amount\n1,2024-01-01,3\n,2024-02-01,4\n",
    "once.csv": "customer_id,date,amount\n1,2024-01-01,3\n2,2024-02-01,4\n",
    "free.csv": "customer_id,date,amount\n"
    + "".join(f"{i},2024-0{m}-01,0\n" for i in range(9) for m in range(1, 3 + i % 4)),
    "orders.xlsx": "",
    "text.json": "{}",
    "cut.json": '{"format": "clvmodels", "schema": 1, "kind": ',
    "future.json": '{"format": "clvmodels", "schema": 99}',
}
FIT = {
    "missing file": ("fit nope.csv", "Found none at nope.csv"),
    "not a table": ("fit orders.xlsx", "Logs are parquet"),
    "empty": ("fit empty.csv", "has at least one row"),
    "header only": ("fit header.csv", "has at least one row"),
    "ragged": ("fit ragged.csv", "found more fields"),
    "cut parquet": ("fit cut.parquet", "cut.parquet"),
    "missing column": ("fit good.csv --customer custmer_id", "Did you mean 'customer_id'?"),
    "missing factor": ("fit good.csv --amount qty*amount", "'qty' is not among the 3 columns"),
    "several candidates": ("fit unclear.csv", "Candidates are 'client_id', 'customer_id'"),
    "no candidate": ("fit foreign.csv", "'kunde', 'datum', 'betrag'. Pass --customer NAME"),
    "no amount": ("fit foreign.csv --customer kunde --date datum", "or --amount none to count"),
    "unreadable date": ("fit dates.csv", "pass --invalid drop to leave them out"),
    "text amount": ("fit dollars.csv", "Strip currency signs"),
    "bad unit": ("fit good.csv --unit weak", "--unit"),
    "bad choice": ("fit good.csv --returns nett", "--returns"),
    "bad end": ("fit good.csv --observed-until soon", "--observed-until is a date"),
    "end before start": ("fit good.csv --observed-until 2020-01-01", "2020-01-01"),
    "bad zone": ("fit good.csv --time-zone Mars/X", "--time-zone"),
    "refunds": ("fit refunds.csv --returns error", "Pass --returns net or --returns drop"),
    "strict": ("fit anonymous.csv --strict", "leave out --strict"),
    "nobody came back": ("fit once.csv", "some of whom have bought again"),
    "nothing was paid": ("fit free.csv", "pass --amount none to fit the purchases alone"),
    "model over a table": ("fit good.csv --model good.csv", "never over a table"),
    "unknown option": ("fit good.csv --bogus", "--bogus"),
    "unknown command": ("fitt good.csv", "fitt"),
    "no input": ("fit", "INPUT"),
}
PREDICT = {
    "no model": ("predict good.csv", "clvmodels fit ORDERS --model model.json"),
    "missing model": ("predict good.csv --model nope.json", "nope.json"),
    "foreign model": ("predict good.csv --model text.json", "of something else"),
    "cut model": ("predict good.csv --model cut.json", "truncated"),
    "model of the future": ("predict good.csv --model future.json", "schema 99"),
    "orders as model": ("predict good.csv --model cut.parquet", "cut.parquet"),
    "spend only": ("predict good.csv --model spend.json", "holds GammaGamma"),
    "unit mismatch": ("predict good.csv --model m.json --unit day", "per week, --unit is day"),
    "negative": ("predict good.csv --model m.json --horizon -1y", "--horizon is a duration"),
    "below zero": ("predict good.csv --model m.json --horizon -5", "--horizon is zero or longer"),
    "horizon in words": ("predict good.csv --model m.json --horizon year", "Got 'year'"),
    "past horizon": ("predict good.csv --model m.json --horizon 2020-01-01", "2024-02-01"),
    "discount -1": ("predict good.csv --model m.json --discount-rate -1", "--discount-rate is an"),
    "discount 10": ("predict good.csv --model m.json --discount-rate 10", "10 % as 0.10"),
    "discount in words": ("predict good.csv --model m.json --discount-rate 10%", "discount-rate"),
    "margin 30": ("predict good.csv --model m.json --margin 30", "30 % as 0.30"),
    "no such folder": ("predict good.csv --model m.json --out no/clv.csv", "no/clv.csv"),
    "a folder": ("predict good.csv --model m.json --out folder.csv", "it is a folder"),
    "ending": ("predict good.csv --model m.json --out clv.xlsx", ".parquet or .csv"),
    "over the input": ("predict good.csv --model m.json --out good.csv", "not among the inputs"),
}
CASES = FIT | PREDICT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with logs and models of every kind."""
    for name, text in LOGS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1\x15\x04\x15\xb0")
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    clv.save(clv.GammaGamma(6.0, 4.0, 15.0), "spend.json")
    fit = clv.BGNBD.fit(clv.BGNBD(0.9, 4.0, 0.8, 2.4).simulate(500, 40, seed=1, unit="week"))
    clv.save(fit, "m.json")
    return tmp_path


@pytest.mark.parametrize(("line", "words"), CASES.values(), ids=CASES.keys())
def test_the_message_names_the_rule(
    run: Callable[..., Any], folder: Path, line: str, words: str
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = run(*line.split())
    assert (done.code, done.out) == (2, "")
    assert words in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err
    assert "error: " in done.err or "Error" in done.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_json_errors_leave_stdout_empty(run: Callable[..., Any], folder: Path) -> None:
    done = run("fit", "dates.csv", "--json")
    assert (done.code, done.out) == (2, "")


def test_a_late_error_leaves_the_old_output(run: Callable[..., Any], folder: Path) -> None:
    """Without discounting, the purchases of all time have no finite sum at a < 1."""
    Path("clv.csv").write_text("old")
    done = run("predict", "good.csv", "--model", "m.json", "--out", "clv.csv", "--horizon", "inf")
    assert done.code == 2
    assert "Pass a finite horizon" in done.err
    assert Path("clv.csv").read_text() == "old"
    assert not list(folder.glob(".*"))


def test_a_failed_fit_leaves_the_old_model(run: Callable[..., Any], folder: Path) -> None:
    before = Path("m.json").read_bytes()
    assert run("fit", "once.csv", "--model", "m.json").code == 2
    assert Path("m.json").read_bytes() == before


@pytest.mark.parametrize("source", ["logs", "logs/*.csv"])
def test_the_output_is_not_among_the_inputs(
    run: Callable[..., Any], folder: Path, source: str
) -> None:
    (folder / "logs").mkdir()
    Path("good.csv").rename("logs/good.csv")
    done = run("summarize", source, "--out", "logs/rfm.csv")
    assert done.code == 2
    assert "not among the inputs" in done.err
    assert run("summarize", source, "--out", "rfm.csv").code == 0


def test_dropped_rows_are_a_warning(run: Callable[..., Any], folder: Path) -> None:
    done = run("summarize", "anonymous.csv", "--out", "rfm.csv", "--json")
    assert done.code == 0
    [warning] = done.document["warnings"]
    assert "1 with no customer id" in warning
    assert "--strict would raise" in warning
    assert f"warning: {warning}" in done.err
