"""What limits that models share mean, in words, and what to do."""

from __future__ import annotations

from typing import Final

__all__ = ["HOMOGENEOUS", "NEVER", "beta_dropout_limit", "same_rate"]

HOMOGENEOUS: Final = 1e3  # a gamma or beta density this concentrated is a single value
NEVER: Final = 1e-6  # a mean dropout probability below this is never


def same_rate(shape: float, rate: float, names: str) -> list[str]:
    """Say that all customers buy alike, where a gamma density is one point."""
    if shape <= HOMOGENEOUS:
        return []
    first, second = names.split(", ")
    return [
        f"All customers seem to buy at the same rate {shape / rate:.4g} ({first} and {second} have "
        f"no bound): use {first} / {second}, not {first} and {second}."
    ]


def beta_dropout_limit(a: float, b: float) -> list[str]:
    """Say what a beta density of the dropout probability is near: nothing, one point, two ends."""
    dropout = a / (a + b)
    if dropout < NEVER:
        return [
            f"Nobody seems to leave (mean dropout {dropout:.1e} per purchase): the model is "
            "the NBD, a and b only say 'almost never'. Predictions hold while that lasts; a "
            "longer log would show dropout."
        ]
    if a + b > HOMOGENEOUS or b / (a + b) < NEVER:
        open_end = " (a + b has no bound)" if a + b > HOMOGENEOUS else ""
        return [
            f"All customers seem to leave with the same probability {dropout:.3g} after each "
            f"purchase{open_end}: use a / (a + b), not a and b."
        ]
    if b < NEVER:
        return [
            "Customers seem either to leave at once or never (a or b near 0): look for one-off "
            "buyers mixed with contractual ones."
        ]
    return []
