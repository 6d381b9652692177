"""What is measured: which steps of which peers on which problem, in turns."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["BARE", "FULL", "INTERVALS", "POSTERIOR", "QUICK", "Case", "Entry", "chosen"]

OURS, LIFETIMES, PYMC, BTYD = "clvmodels", "lifetimes", "pymc-marketing", "btyd"
POLARS, DUCKDB, SPARK = "polars", "duckdb", "spark"
BARE = "bare summary"
FITS = ("fit BG/NBD", "fit Pareto/NBD", "fit Gamma-Gamma")
STEPS = ("summary", *FITS, "predict", "pipeline")
POSTERIOR, INTERVALS = "posterior BG/NBD", "predict, intervals"


@dataclass(frozen=True)
class Entry:
    """A step of a peer; `rounds` if fewer than those of its case."""

    peer: str
    step: str
    rounds: int | None = None


@dataclass(frozen=True)
class Case:
    """Entries that take turns, round after round, so that a busy machine slows all alike.

    Attributes
    ----------
    problem
        Key of `PROBLEMS`.
    entries
        What takes turns.
    rounds
        How many rounds.
    threads
        Threads and cores that each may use.
    limit
        Seconds after which a process is stopped.
    repeats
        How often a quick step is timed again in its process.
    """

    problem: str
    entries: tuple[Entry, ...]
    rounds: int = 3
    threads: int = 2
    limit: float = 120.0
    repeats: int = 0


def small(problem: str, peers: tuple[str, ...], once: tuple[str, ...], rounds: int) -> list[Case]:
    """Every step of some peers, in one case a step."""
    cases = []
    for step in STEPS:
        entries = [Entry(peer, step) for peer in peers]
        entries += [Entry(peer, step, rounds=1) for peer in once]
        cases.append(Case(problem, tuple(entries), rounds=rounds, repeats=5))
    return cases


def on_patterns(problem: str, rounds: int) -> list[Case]:
    """Fits from distinct histories, by those who take them with weights."""
    steps = [f"{step}, patterns" for step in FITS[:2]]
    return [
        Case(problem, tuple(Entry(peer, step) for peer in (OURS, LIFETIMES)), rounds, repeats=5)
        for step in steps
    ]


def limit_of(problem: str, *others: Entry, rounds: int) -> Case:
    """The whole pipeline beside the physical limit, and beside others."""
    entries = (
        Entry(POLARS, "scan"),
        Entry(POLARS, BARE),
        Entry(OURS, "pipeline"),
        Entry(POLARS, f"{BARE}, no first amount"),
        Entry(DUCKDB, BARE),
        *others,
    )
    return Case(problem, entries, rounds, limit=600.0)


ALL = (LIFETIMES, BTYD, PYMC)
QUICK = [
    *small("cdnow-sample", (OURS, LIFETIMES), (BTYD, PYMC), rounds=1),
    *small("cdnow", (OURS, LIFETIMES), (), rounds=1),
    limit_of("100k", *(Entry(peer, "pipeline", rounds=1) for peer in ALL), rounds=3),
]
FULL = [
    *small("cdnow-sample", (OURS, LIFETIMES), (BTYD, PYMC), rounds=3),
    *small("cdnow", (OURS, LIFETIMES), (BTYD, PYMC), rounds=3),
    *on_patterns("cdnow", rounds=3),
    Case(
        "cdnow",
        (Entry(OURS, POSTERIOR), Entry(PYMC, POSTERIOR, rounds=1)),
        limit=1800.0,
        repeats=3,
    ),
    limit_of("100k", *(Entry(peer, "pipeline", rounds=1) for peer in ALL), rounds=3),
    limit_of("1m", Entry(LIFETIMES, "pipeline"), Entry(PYMC, "pipeline", rounds=1), rounds=3),
    *(
        Case("1m", (Entry(OURS, step), Entry(LIFETIMES, step)), rounds=1, limit=90.0)
        for step in STEPS[:-1]
    ),
    Case("1m", (Entry(OURS, "predict"), Entry(OURS, INTERVALS)), rounds=1, limit=600.0),
    Case("1m", (Entry(POLARS, BARE), Entry(OURS, "pipeline")), rounds=2, threads=1),
    limit_of("10m", rounds=3),
    Case(
        "10m",
        (Entry(POLARS, BARE), Entry(OURS, "pipeline"), Entry(OURS, "predict")),
        rounds=2,
        threads=1,
        limit=600.0,
    ),
    Case("1m", (Entry(OURS, "sizes"), Entry(SPARK, "traffic")), rounds=1, limit=600.0),
    *(
        Case(problem, (Entry(OURS, "sizes"),), rounds=1, limit=600.0)
        for problem in ("10m", "100m-patterns")
    ),
    *(
        Case(problem, (Entry(OURS, f"{step}, patterns"),), rounds=1, limit=1200.0)
        for problem in ("10m-patterns", "100m-patterns")
        for step in FITS[:2]
    ),
]


def chosen(case: Case, peers: list[str] | None, steps: list[str] | None) -> Case:
    """Return a case with only some peers and steps; None for all."""
    kept = (
        each
        for each in case.entries
        if (peers is None or each.peer in peers) and (steps is None or each.step in steps)
    )
    return replace(case, entries=tuple(kept))
