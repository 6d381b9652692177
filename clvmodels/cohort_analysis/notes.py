"""What to mind in an analysis of cohorts, in words."""

from __future__ import annotations

from clvmodels.cohort_analysis.cells import Sources
from clvmodels.frames.activity import Activity
from clvmodels.frames.activity_tables import period_names

__all__ = ["notes_of", "returned_note"]


def notes_of(
    sources: Sources, active: Activity, *, spend: bool, discounted: bool
) -> tuple[str, ...]:
    """Return what limits the numbers.

    Parameters
    ----------
    sources, active
        What was observed and is expected.
    spend
        Whether value is projected.
    discounted
        Whether that is discounted.
    """
    projected = sources.buyers is not None
    first = active.table["cohort"].iloc[active.table["cohort_index"].argmin()]
    notes = [
        f"{first} is the first cohort of the log: if customers bought before the log begins, they "
        "count as new in it."
    ]
    if sources.line.begun:
        name = period_names(active.periods["period_index"].to_numpy()[-1:], active.period)[0]
        how = "is completed by the models" if projected else "is left out of grids"
        notes.append(f"{name} was observed until {active.observed_until} only, and {how}.")
    if sources.has_value:
        value = "Values hold the first purchase, after returns."
        if projected and spend and discounted:
            value += " Those ahead are discounted to the end of observation, those before are not."
        notes.append(value)
    if projected and sources.has_value and not spend:
        notes.append("Without a spend model no value is projected.")
    return tuple(notes)


def returned_note(people: int) -> tuple[str, ...]:
    """Say of how many people nothing is left after returns, if of any.

    Examples
    --------
    >>> returned_note(0)
    ()
    >>> print(*returned_note(1))
    1 person gave back all they bought: no customer, in no cohort and in no value.
    """
    if not people:
        return ()
    who = "1 person gave" if people == 1 else f"{people:,} people gave"
    return (f"{who} back all they bought: no customer, in no cohort and in no value.",)
