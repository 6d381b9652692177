"""What results by segment are called in words: values of segments, and the models used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from clvmodels.predictive.arguments import fit_of, fitted_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["model_labels", "with_words", "word_of"]


def word_of(value: Any) -> str:
    """Return the value of a segment in words: whole numbers without decimals.

    Examples
    --------
    >>> [word_of(value) for value in (1.0, 0.25, "web", None)]
    ['1', '0.25', 'web', '(none)']
    """
    if value is None or value != value:  # NaN and NaT are no equals
        return "(none)"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def with_words(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return a table to be shown, whose columns of numbers that name segments are words.

    Examples
    --------
    >>> import pandas as pd
    >>> with_words(pd.DataFrame({"big": [0.0, 1.0], "n": [2.0, 3.0]}), ["big"]).values.tolist()
    [['0', 2.0], ['1', 3.0]]
    """
    floats = [name for name in by if table[name].dtype.kind == "f"]
    return table.assign(**{name: [word_of(each) for each in table[name]] for name in floats})


def model_labels(models: Iterable[Any]) -> tuple[str, ...]:
    """Return what models, fits or draws are called, each once; prices are no models.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> model_labels([BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44), None, 30.0])
    ('BG/NBD', 'Gamma-Gamma', 'given prices')
    """
    found = []
    for given in models:
        if isinstance(fit_of(given), str | int | float):
            found.append("given prices")
        elif given is not None:
            model = fitted_model(given)
            found.append(str(getattr(model, "label", type(model).__name__)))
    return tuple(dict.fromkeys(found))
