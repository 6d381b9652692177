"""'refit' or 'not yet', with the reasons in words."""

from __future__ import annotations

from clvmodels.drifts.impact import Impact
from clvmodels.drifts.result import Part, Verdict
from clvmodels.drifts.window import WindowLine

__all__ = ["judged"]


def judged(
    parts: tuple[Part, ...],
    changes: tuple[Impact, ...],
    window: tuple[WindowLine, ...],
    significance: float,
    material: float,
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons.

    'refit' where some part has moved by the test, and a quantity that depends on it is expected to
    change by `material` or more, with an interval that leaves out zero.
    """
    reasons = [_tested(part, significance) for part in parts]
    moved = {part.name for part in parts if part.p_value < significance}
    largest = max(changes, key=lambda each: abs(each.change), default=None)
    counts = [
        each
        for each in changes
        if abs(each.change) >= material and each.certain and moved.intersection(each.parts)
    ]
    verdict: Verdict = "refit" if counts else "not yet"
    if counts:
        most = max(counts, key=lambda each: abs(each.change))
        reasons.append(f"It matters: {_changed(most)}; {material:.0%} is where it counts.")
    elif moved and largest is not None:
        why = "that is less than" if abs(largest.change) < material else "that may be chance, above"
        reasons.append(f"It hardly matters: {_changed(largest)}; {why} {material:.0%}.")
    elif largest is not None and abs(largest.change) >= material:
        reasons.append(
            f"{_changed(largest).capitalize()}, which would matter, but may be chance: "
            "wait for more data."
        )
    elif largest is not None:
        reasons.append(f"The largest change is small: {_changed(largest)}.")
    return verdict, (*reasons, *map(_seen, window))


def _tested(part: Part, significance: float) -> str:
    found = part.difference
    what = f"chi-square {found.statistic:.1f}, {found.degrees} degrees of freedom"
    if not found.degrees:
        return f"The estimates of {part.name} cannot be compared."
    if part.p_value < significance:
        return f"The estimates of {part.name} have moved: {what}, p = {part.p_value:.2g}."
    return f"No sign that the estimates of {part.name} have moved: {what}, p = {part.p_value:.2g}."


def _changed(change: Impact) -> str:
    return (
        f"{change.quantity} {change.change:+.1%} (95 % interval {change.lower:+.1%} to "
        f"{change.upper:+.1%})"
    )


def _seen(line: WindowLine) -> str:
    off = "" if line.expected <= 0.0 else f", {line.actual / line.expected - 1.0:+.1%}"
    where = "inside" if line.inside else "outside"
    did = {
        "purchases": f"made {line.actual:,.0f} purchases, where {line.expected:,.0f} were",
        "value": f"spent {line.actual:,.0f}, where {line.expected:,.0f} was",
    }[line.quantity]
    return (
        f"Since then the customers of the old fit {did} expected{off}: {where} the 90 % band "
        f"of {line.lower:,.0f} to {line.upper:,.0f}."
    )
