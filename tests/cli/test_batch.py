"""Logs in buckets of customers: the same results as at once, in bounded memory, after any stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import clvmodels as clv
from clvmodels import customers
from clvmodels.cli import main, options
from clvmodels.cli.memory import bucket_count, order_bytes, read_memory
from clvmodels.cli.parts import PartFolder
from clvmodels.errors import ParameterError
from clvmodels.frames import cleaning

UNTIL = ("--observed-until", "2024-12-31")
TERMS = ("--horizon", "1y", "--discount-rate", "0.1", "--margin", "0.3")
TIMEOUT = 120  # seconds on a machine that does other things
# Sums over the same rows in another order.
SAME = 1e-9
# A climb ends where its gradient vanishes, to rounding of sums in another order.
ESTIMATED = 1e-6


def simulated(customers: int = 600, *, seed: int = 5, refunds: float = 0.15) -> pl.DataFrame:
    """Return orders of two years by day, some of them refunds."""
    draw = np.random.default_rng(seed)
    counts = 1 + draw.poisson(draw.gamma(0.8, 3.0, customers))
    people = np.repeat(np.arange(customers), counts)
    days = draw.integers(0, 730, len(people))
    amounts = np.round(draw.gamma(4.0, 9.0, len(people)), 2)
    amounts = np.where(draw.random(len(people)) < refunds, -amounts, amounts)
    orders = pl.DataFrame({"customer_id": people, "date": days, "amount": amounts})
    return orders.with_columns((pl.col("date") + 19_358).cast(pl.Date)).sample(
        fraction=1.0, shuffle=True, seed=seed
    )


AS_TEXT = pl.format("C-{}", pl.col("customer_id"))
IDS: dict[str, pl.Expr] = {
    "whole numbers": pl.col("customer_id") * 7 - 300,
    "text": AS_TEXT,
    "floats with gaps": pl.when(pl.col("customer_id") % 50 != 0).then(pl.col("customer_id") / 2.0),
    "text, blank and missing": pl.when(pl.col("customer_id") % 50 == 1)
    .then(pl.lit("  "))
    .when(pl.col("customer_id") % 50 != 2)
    .then(AS_TEXT),
    "categories": AS_TEXT.cast(pl.Categorical),
    "dates": (pl.col("customer_id") + 9_000).cast(pl.Date),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = clv.CLVModel(clv.BGNBD(0.6, 20.0, 0.8, 2.4), clv.GammaGamma(6.0, 4.0, 15.0))
    return clv.save(models, tmp_path_factory.mktemp("model") / "model.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*arguments: object) -> tuple[object, ...]:
    return ("predict", *arguments, "--unit", "week", *UNTIL, *TERMS)


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
def test_buckets_change_no_row(
    run: Callable[..., Any], folder: Path, saved: Path, ids: pl.Expr
) -> None:
    simulated().with_columns(ids.alias("customer_id")).write_parquet("orders.parquet")
    for n in (1, 7):
        out = f"{n}.parquet"
        done = run(*predict("orders.parquet", "--model", saved, "--buckets", n, "--out", out))
        assert done.code == 0, done.err
    assert_frame_equal(pl.read_parquet("7.parquet"), pl.read_parquet("1.parquet"), rel_tol=SAME)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)  # of rows without an id
        rfm = clv.rfm_summary(
            "orders.parquet",
            customer="customer_id",
            date="date",
            amount="amount",
            observed_until="2024-12-31",
            unit="week",
        )
    expected = clv.load(saved).predict(rfm, horizon="1y", discount_rate=0.1, margin=0.3)
    assert_frame_equal(
        pl.read_parquet("7.parquet"),
        expected.collect(),
        check_row_order=False,
        rel_tol=SAME,
    )


@pytest.mark.parametrize("kind", ["csv", "parts of parquet"])
@pytest.mark.parametrize("options", [(), ("--returns", "drop"), ("--grid", "month")])
def test_ledgers_of_buckets_add_up(
    run: Callable[..., Any], folder: Path, kind: str, options: tuple[str, ...]
) -> None:
    bad = [{"customer_id": None, "date": "2024-01-03", "amount": 3.5}]
    bad += [{"customer_id": f"C-{i}", "date": "soon", "amount": 1.0} for i in range(5)]
    bad += [{"customer_id": f"C-{i}", "date": "2025-02-01", "amount": 1.0} for i in range(590, 605)]
    bad += [{"customer_id": "C-1", "date": "2024-02-01", "amount": None}]
    texts = [AS_TEXT.alias("customer_id"), pl.col("date").cast(pl.String)]
    orders = pl.concat([simulated().with_columns(texts), pl.DataFrame(bad)])
    if kind == "csv":
        orders.write_csv("orders.csv")
        source = "orders.csv"
    else:
        Path("log").mkdir()
        for part in range(3):
            orders.gather_every(3, part).write_parquet(f"log/{part}.parquet")
        source = "log/*.parquet"
    documents = []
    unit = "month" if "--grid" in options else "week"
    for n in (1, 5):
        arguments = ("--invalid", "drop", "--json", "--unit", unit, "--out", f"{n}.csv")
        done = run("summarize", source, "--buckets", n, *arguments, *options, *UNTIL)
        assert done.code == 0, done.err
        documents.append(done.document)
    assert_frame_equal(pl.read_csv("5.csv"), pl.read_csv("1.csv"), rel_tol=SAME)
    whole, split = (document["ledger"] for document in documents)
    assert split["balances"] is True
    assert sorted(each["what"] for each in split["entries"]) == sorted(
        each["what"] for each in whole["entries"]
    )
    for a in whole["entries"]:
        b = next(each for each in split["entries"] if each["what"] == a["what"])
        assert (a["rows"], a["customers"]) == (b["rows"], b["customers"])
        assert (a["amount"] is None) == (b["amount"] is None)
        assert (a["amount"] or 0.0) == pytest.approx(b["amount"] or 0.0, rel=SAME)
    assert split["unmatched_refunds"] == pytest.approx(whole["unmatched_refunds"], rel=SAME)
    assert documents[0]["warnings"] == documents[1]["warnings"] != []


def test_fits_from_buckets(run: Callable[..., Any], cdnow: Path) -> None:
    source, until = cdnow / "orders.parquet", ("--observed-until", "1997-09-30")
    first, second = (run("fit", source, "--buckets", n, "--json", *until).document for n in (1, 6))
    for name in ("purchases", "spend"):
        assert second[name]["customers"] == first[name]["customers"]
        for parameter, estimate in first[name]["estimates"].items():
            other = second[name]["estimates"][parameter]["estimate"]
            assert other == pytest.approx(estimate["estimate"], rel=ESTIMATED)
    assert first["ledger"]["balances"]


def test_parts_hold_what_a_file_holds(run: Callable[..., Any], folder: Path, saved: Path) -> None:
    simulated().write_parquet("orders.parquet")
    one = run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet", "--json"))
    arguments = predict(
        "orders.parquet", "--model", saved, "--out", "clv", "--parts", "--buckets", 4, "--json"
    )
    parts = run(*arguments)
    assert parts.code == 0, parts.err
    assert sorted(path.name for path in Path("clv").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        *(f"part-0000{i}.parquet" for i in range(1, 5)),
    ]
    expected = pl.read_parquet("clv.parquet")
    assert_frame_equal(pl.read_parquet("clv/*.parquet"), expected, rel_tol=SAME)
    for name, total in one.document["totals"].items():
        assert parts.document["totals"][name] == pytest.approx(total, rel=SAME)
    assert parts.document["customers"] == len(expected)
    manifest = json.loads(Path("clv/_manifest.json").read_text())
    assert manifest["complete"] is True
    assert sum(part["customers"] for part in manifest["parts"]) == len(expected)

    again = run(*arguments)
    assert again.code == 2
    assert "--resume" in again.err
    again = run(*arguments, "--resume")
    assert again.document == parts.document
    assert "nothing to do" in again.err


CHANGES: dict[str, tuple[Callable[[Path], object], tuple[str, ...], str]] = {
    "orders": (lambda _: simulated(seed=6).write_parquet("orders.parquet"), (), "the orders"),
    "model": (
        lambda path: clv.save(clv.BGNBD(0.6, 21.0, 0.8, 2.4), path),
        (),
        "the model",
    ),
    "terms": (lambda _: None, ("--margin", "0.2"), "the terms"),
    "rules": (lambda _: None, ("--returns", "drop"), "the terms"),
    "manifest": (lambda _: Path("clv/_manifest.json").unlink(), (), "no manifest"),
}


@pytest.mark.parametrize(("change", "more", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_another_job_is_not_resumed(
    run: Callable[..., Any],
    folder: Path,
    saved: Path,
    change: Callable[[Path], object],
    more: tuple[str, ...],
    words: str,
) -> None:
    model = folder / "model.json"
    model.write_bytes(saved.read_bytes())
    simulated().write_parquet("orders.parquet")
    arguments = predict("orders.parquet", "--model", model, "--out", "clv", "--parts", "--resume")
    assert run(*arguments).code == 0
    change(model)
    before = {path: path.read_bytes() for path in Path("clv").iterdir()}
    done = run(*arguments, *more)
    assert done.code == 2
    assert words in " ".join(done.err.split())
    assert {path: path.read_bytes() for path in Path("clv").iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_a_killed_job_goes_on(folder: Path, saved: Path, run: Callable[..., Any]) -> None:
    simulated(4_000).write_parquet("orders.parquet")
    arguments = [
        str(each)
        for each in predict(
            "orders.parquet", "--model", saved, "--out", "clv", "--parts", "--buckets", 60
        )
    ]
    command = [sys.executable, "-c", "from clvmodels.cli import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + TIMEOUT
    while len(list(Path("clv").glob("part-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=TIMEOUT)
    written = {path: path.stat().st_mtime_ns for path in Path("clv").glob("part-*")}
    assert 2 <= len(written) < 60
    assert not Path("clv/_SUCCESS").exists()
    assert json.loads(Path("clv/_manifest.json").read_text())["complete"] is False
    noted = len(json.loads(Path("clv/_manifest.json").read_text())["parts"])

    done = run(*arguments, "--resume")
    assert done.code == 0, done.err
    assert f"{noted} parts are there already" in done.err
    kept = sorted(written)[:noted]
    assert {path: path.stat().st_mtime_ns for path in kept} == {
        path: written[path] for path in kept
    }
    assert run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet")).code == 0
    assert_frame_equal(
        pl.read_parquet("clv/*.parquet"), pl.read_parquet("clv.parquet"), rel_tol=SAME
    )
    assert not Path("clv/_work").exists()


@pytest.mark.parametrize("first", [1, 5])
def test_a_resumed_job_keeps_its_buckets(
    run: Callable[..., Any],
    folder: Path,
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
) -> None:
    simulated().write_parquet("orders.parquet")
    arguments = predict("orders.parquet", "--model", saved, "--out", "clv", "--parts")
    with monkeypatch.context() as patched:
        patched.setattr(clv.CLVModel, "predict", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            main([str(each) for each in (*arguments, "--buckets", first)])
    assert len(list(Path("clv/_work/customers").glob("*"))) == first
    done = run(*arguments, "--resume", "--buckets", 3)
    assert done.code == 0, done.err
    assert len(list(Path("clv").glob("part-*"))) == first
    assert run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet")).code == 0
    assert_frame_equal(
        pl.read_parquet("clv/*.parquet"), pl.read_parquet("clv.parquet"), rel_tol=SAME
    )


def cut(path: Path) -> None:
    """Leave the first half of a file, as a power cut may."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def stopped(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], *, where: str, after: int
) -> None:
    """Run a command until a method of its folder was called so many times, and stop it there."""
    method, calls = getattr(PartFolder, where), iter(range(after))

    def call(self: Any, *given: Any) -> Any:
        if next(calls, None) is None:
            raise ZeroDivisionError  # of the kinds that the command line lets through
        return method(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(PartFolder, where, call)
        with pytest.raises(ZeroDivisionError):
            main([str(each) for each in arguments])


def content(folder: str = "clv") -> dict[Path, tuple[int, bytes]]:
    """Return time of change and content of all files of a folder, and of folders the time alone."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in Path(folder).rglob("*")
    }


DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": cut,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
}


@pytest.fixture
def job(run: Callable[..., Any], folder: Path, saved: Path) -> tuple[object, ...]:
    """Return the arguments of a job in five parts; `clv.parquet` is what it is to write."""
    texts = [AS_TEXT.alias("customer_id"), pl.col("date").cast(pl.String)]
    simulated().with_columns(texts).write_parquet("orders.parquet")
    assert run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet")).code == 0
    return (*predict("orders.parquet", "--model", saved, "--out", "clv", "--parts"), "--buckets")


def check_parts(n: int) -> None:
    assert sorted(path.name for path in Path("clv").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        *(f"part-0000{i}.parquet" for i in range(1, n + 1)),
    ]
    parts, whole = pl.read_parquet("clv/*.parquet"), pl.read_parquet("clv.parquet")
    assert_frame_equal(parts, whole, rel_tol=SAME)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_part_is_written_again(
    run: Callable[..., Any],
    job: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
) -> None:
    stopped(monkeypatch, (*job, 5), where="write", after=3)
    noted = json.loads(Path("clv/_manifest.json").read_text())["parts"]
    assert [part["bytes"] for part in noted] == [
        Path(f"clv/part-0000{i}.parquet").stat().st_size for i in (1, 2, 3)
    ]
    kept = Path("clv/part-00001.parquet").stat().st_mtime_ns
    damage(Path("clv/part-00002.parquet"))
    done = run(*job, 5, "--resume")
    assert done.code == 0, done.err
    assert "2 parts are there already" in done.err
    assert Path("clv/part-00001.parquet").stat().st_mtime_ns == kept
    check_parts(5)

    damage(Path("clv/part-00002.parquet"))  # of the complete folder: its buckets are gone
    done = run(*job, 3, "--resume")
    assert done.code == 0, done.err
    check_parts(3)


STAGES = {
    "text read": "log.ipc",
    "number of buckets": "buckets",
    "orders": "orders/*/*.ipc",
    "customers": "customers/*/*.parquet",
    "record": "stages.json",
}


@pytest.mark.parametrize("files", STAGES.values(), ids=STAGES.keys())
def test_a_damaged_stage_is_made_again(
    run: Callable[..., Any],
    job: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    files: str,
) -> None:
    stopped(monkeypatch, (*job, 5), where="write", after=2)
    cut(sorted(Path("clv/_work").glob(files))[-1])
    done = run(*job, 4, "--resume")
    assert done.code == 0, done.err
    check_parts(5 if "*" in files else 4)


def test_whole_stages_are_not_made_again(
    run: Callable[..., Any], job: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch, (*job, 5), where="write", after=2)
    before = content("clv/_work")
    assert len([path for path in before if path.suffix in (".ipc", ".parquet")]) == 11
    stopped(monkeypatch, (*job, 5, "--resume"), where="write", after=0)
    assert content("clv/_work") == before


@pytest.mark.parametrize("stop", ["before the mark", "after it"])
def test_a_complete_folder_is_finished(
    run: Callable[..., Any], job: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    stopped(monkeypatch, (*job, 5), where="close", after=0)
    assert json.loads(Path("clv/_manifest.json").read_text())["complete"] is True
    assert Path("clv/_work").exists()
    if stop == "after it":
        Path("clv/_SUCCESS").touch()
    assert run(*job, 5, "--resume").code == 0
    check_parts(5)


def test_a_complete_folder_is_left_as_it_is(
    run: Callable[..., Any], job: tuple[object, ...]
) -> None:
    assert run(*job, 5).code == 0
    before, changed = content(), Path("clv").stat().st_mtime_ns
    done = run(*job, 5, "--resume")
    assert done.code == 0
    assert "nothing to do" in done.err
    assert (content(), Path("clv").stat().st_mtime_ns) == (before, changed)
    Path("clv/_SUCCESS").unlink()
    assert run(*job, 5, "--resume").code == 0
    check_parts(5)


def test_files_are_on_disk_before_they_have_their_names(
    run: Callable[..., Any], job: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    unsafe: list[Path] = []
    renamed: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    def checked(self: Path, target: Path) -> Path:
        inside = self.rglob("*") if self.is_dir() else [self]
        unsafe.extend(path for path in inside if path.stat().st_ino not in synced)
        renamed.append(target.name)
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", checked)
    assert run(*job, 2).code == 0
    assert {"part-00001.parquet", "_manifest.json", "orders", "rows.parquet"} <= set(renamed)
    assert unsafe == []


def test_paths_and_options_of_parts(run: Callable[..., Any], folder: Path, saved: Path) -> None:
    simulated(50).write_parquet("orders.parquet")
    Path("log").mkdir()
    simulated(50).write_parquet("log/orders.parquet")
    cases = {
        ("orders.parquet", "--parts"): "No --out was given",
        ("orders.parquet", "--parts", "--out", "clv.parquet"): "such as --out clv",
        ("orders.parquet", "--resume", "--out", "clv.parquet"): "without --parts",
        ("orders.parquet", "--parts", "--out", "no/clv"): "folder that exists",
        ("log", "--parts", "--out", "log/clv"): "not among the inputs",
        ("orders.parquet", "--parts", "--out", "log"): "new or empty",
        ("orders.parquet", "--parts", "--resume", "--out", "log"): "no manifest",
    }
    for arguments, words in cases.items():
        done = run(*predict(*arguments, "--model", saved))
        assert done.code == 2, arguments
        assert words in " ".join(done.err.split()), arguments
    assert sorted(path.name for path in Path("log").iterdir()) == ["orders.parquet"]


@pytest.mark.parametrize("size", ["2", "lots", "-1GB", "2 GB RAM", "2XB", "0MB", "50MB"])
def test_memory_that_is_none(run: Callable[..., Any], folder: Path, saved: Path, size: str) -> None:
    simulated(50).write_parquet("orders.parquet")
    done = run(*predict("orders.parquet", "--model", saved, "--max-memory", size))
    assert done.code == 2
    assert "--max-memory" in done.err


def test_less_memory_makes_more_buckets() -> None:
    size = order_bytes(8.0, nets=False)
    orders = 20_000_000
    counts = [
        bucket_count(orders, size, limit=read_memory(text), threads=2)
        for text in ("4GB", "420MB", "350MB")
    ]
    assert counts[0] < counts[1] < counts[2]
    assert bucket_count(orders, order_bytes(8.0, nets=True), limit=10**9, threads=2) >= counts[0]
    assert orders / counts[2] * size < 350e6
    with pytest.raises(ParameterError, match="POLARS_MAX_THREADS"):
        bucket_count(orders, size, limit=10**9, threads=64)


def test_help_knows_the_choices_of_the_library() -> None:
    assert get_args(options.Grid) == get_args(customers.Grid)
    assert get_args(options.Returns) == get_args(customers.Returns)
    assert get_args(options.Invalid) == get_args(cleaning.Invalid)


def test_help_is_light() -> None:
    code = (
        "import clvmodels.cli.app, sys\n"
        "print([m for m in ('numpy', 'polars', 'narwhals', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    assert done.stdout.strip() == "[]"
