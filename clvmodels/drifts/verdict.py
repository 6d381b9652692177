"""'refit' or 'not yet', with the reasons in words."""

from __future__ import annotations

import math

from clvmodels.drifts.impact import Impact
from clvmodels.drifts.result import Part, Verdict
from clvmodels.drifts.window import WindowLine

__all__ = ["judged"]

Reasons = tuple[str, ...]


def judged(
    parts: tuple[Part, ...],
    changes: tuple[Impact, ...],
    window: tuple[WindowLine, ...],
    significance: float,
    material: float,
) -> tuple[Verdict, Reasons]:
    """Return the verdict and its reasons.

    'refit' where some part has moved by the test, and a quantity that depends on it is expected to
    change by `material` or more, with an interval that leaves out zero. And where no test has seen
    a shift, but what happened since the old fit is far outside its band, by `material` or more.
    """
    moved = {part.name for part in parts if part.p_value < significance}
    theirs = [each for each in changes if moved.intersection(each.parts)]
    others = [each for each in changes if not moved.intersection(each.parts)]
    counts = [each for each in theirs if abs(each.change) >= material and each.certain]
    unseen = [each for each in window if _missed(each, parts, moved) and _gap(each) >= material]
    reasons = [_tested(part, significance) for part in parts]
    if counts:
        reasons.append(
            f"It matters: {_changed(_largest(counts))}; {material:.0%} is where it counts."
        )
    elif theirs:
        reasons.append(_hardly(_largest(theirs), material))
    elif moved:
        reasons.append(f"What the shift of {' and '.join(sorted(moved))} changes is not known.")
    if others and not counts:
        reasons.append(_untested(_largest(others), material))
    reasons += [_seen(line) for line in window]
    reasons += [_off(line) for line in unseen]
    if not counts and not unseen and any(line.far for line in window):
        reasons.append(
            "What happened is far outside the band, and the refit does not explain it: look for "
            "a season, or another model."
        )
    return ("refit" if counts or unseen else "not yet"), tuple(reasons)


def _largest(changes: list[Impact]) -> Impact:
    return max(changes, key=lambda each: abs(each.change))


def _missed(line: WindowLine, parts: tuple[Part, ...], moved: set[str]) -> bool:
    """Whether the tests saw nothing of what is far outside its band."""
    names = {part.name for part in parts}
    if line.quantity == "purchases":
        names &= {"purchases"}
    return line.far and not moved & names


def _gap(line: WindowLine) -> float:
    return abs(line.actual / line.expected - 1.0) if line.expected > 0.0 else math.inf


def _tested(part: Part, significance: float) -> str:
    found = part.difference
    what = f"chi-square {found.statistic:.1f}, {found.degrees} degrees of freedom"
    if not found.degrees:
        return f"The estimates of {part.name} cannot be compared."
    if part.p_value < significance:
        return f"The estimates of {part.name} have moved: {what}, p = {part.p_value:.2g}."
    return f"No sign that the estimates of {part.name} have moved: {what}, p = {part.p_value:.2g}."


def _hardly(change: Impact, material: float) -> str:
    why = "that is less than" if abs(change.change) < material else "that may be chance, above"
    return f"It hardly matters: {_changed(change)}; {why} {material:.0%}."


def _untested(change: Impact, material: float) -> str:
    """Say what has changed most of what no test has seen move."""
    words = _changed(change)
    if abs(change.change) < material:
        return f"The largest change is small: {words}."
    words = words[0].upper() + words[1:]
    if change.certain:
        return (
            f"{words}: that would matter, and its interval leaves out zero, but the test of all "
            "parameters together does not say that they have moved. Look again with newer data."
        )
    return f"{words}, which would matter, but may be chance: wait for more data."


def _changed(change: Impact) -> str:
    if math.isinf(change.upper):
        return f"{change.quantity} {change.change:+.1%} (data do not bound the error)"
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


def _off(line: WindowLine) -> str:
    return (
        f"The old fit no longer says what happens: the {line.quantity} since are outside a band "
        "of 99.9 %, too, though no test of its estimates says why."
    )
