"""Models to files and back: a few kilobytes of JSON that execute nothing and hold no customers."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np

from clvmodels.atomic import atomic_path
from clvmodels.certificate import Certificate, Verdict
from clvmodels.customers import Definitions, Grid, Returns
from clvmodels.errors import DataError, ModelFileError
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.scoring import PurchaseFit
from clvmodels.frequencies import FrequencyTable
from clvmodels.models.base import Model, Parametric
from clvmodels.models.covariates import CovariateModel, PurchaseCovariates, SpendCovariates
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.effects import Effects
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import Fingerprint
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.models.spend import SpendModel
from clvmodels.units import check_unit

__all__ = ["load", "save"]

FORMAT: Final = "clvmodels"
SCHEMA: Final = 1
Saved = Fit[Any] | Parametric | CLVModel


def save(model: Saved, path: str | os.PathLike[str]) -> Path:
    """Write a fit, a model or a `CLVModel` to a JSON file, atomically.

    Parameters
    ----------
    model
        What to save: parameters, covariance, certificate, unit and totals of the data go into the
        file; no customer does.
    path
        Where to write. An existing file is replaced in one step; a crash leaves the old one.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        `model` is none of these, or the path cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from clvmodels import BGNBD
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save(BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426), f"{folder}/model.json")
    ...     load(file)
    BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    """
    head = {"format": FORMAT, "schema": SCHEMA, "library": _library_version()}
    text = json.dumps(head | _encode(model), indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote.

    Parameters
    ----------
    path
        A model file.

    Returns
    -------
    Fit, Model or CLVModel
        What was saved, bit for bit.

    Raises
    ------
    ModelFileError
        The file is missing, truncated, not a model, or of a schema that this version does not know.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _not_a_model(path, f"It cannot be read: {error}.") from None
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise _not_a_model(path, f"It is no JSON, or truncated: {error}.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _not_a_model(path, "It is JSON, but of something else.")
    if content.get("schema") != SCHEMA:
        raise ModelFileError(
            f"This version reads model files of schema {SCHEMA}.",
            place=f"{path} has schema {content.get('schema')!r}, written by clvmodels "
            f"{content.get('library')!r}.",
            fix="Upgrade clvmodels, or fit and save again.",
        )
    try:
        return _decode(content)
    except ModelFileError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_a_model(path, f"Its content is malformed: {error!r:.200}.") from None


# --- to JSON ----------------------------------------------------------------------------------


def _encode(model: object) -> dict[str, Any]:
    if isinstance(model, CLVModel):
        spend: Any = model.spend
        if isinstance(spend, Fit | Parametric | ParameterDraws):
            spend = _encode(spend)
        return {"kind": "clv_model", "purchases": _encode(model.purchases), "spend": spend}
    if isinstance(model, Fit):
        return {"kind": "fit", **_encode_model(model.model), **_encode_fit(model)}
    if isinstance(model, Parametric):
        return {"kind": "model", **_encode_model(model)}
    if isinstance(model, ParameterDraws):
        raise DataError(
            "`save` writes a fit, a model or a CLVModel, and no draws of parameters.",
            place=f"Got {model!r:.80}.",
            fix="Save their `.fit`, and draw again with the same seed where you need them.",
        )
    raise DataError(
        "`save` writes a fit, a model or a CLVModel.",
        place=f"Got {type(model).__qualname__}.",
        fix="Fit first: BGNBD.fit(rfm).",
    )


def _encode_model(model: Parametric) -> dict[str, Any]:
    if isinstance(model, CovariateModel):
        effects = {process: asdict(each) for process, each in model.effects.items()}
        return _encode_model(model.base) | {"effects": effects, "tied": model.tied}
    assert isinstance(model, Model)
    return {"model": type(model).__name__, "parameters": asdict(model)}


def _encode_fit(fit: Fit[Any]) -> dict[str, Any]:
    certificate = asdict(fit.certificate)
    return {
        "covariance": [[_finite(value) for value in row] for row in fit.covariance.tolist()],
        "log_likelihood": fit.log_likelihood,
        "n_customers": fit.n_customers,
        "unit": fit.unit,
        "observed_until": None if fit.observed_until is None else fit.observed_until.isoformat(),
        "definitions": None if fit.definitions is None else asdict(fit.definitions),
        "data": asdict(fit.data),
        "frequencies": None if fit.frequencies is None else asdict(fit.frequencies),
        "certificate": {
            k: _finite(v) if isinstance(v, float) else v for k, v in certificate.items()
        },
    }


def _finite(value: float) -> float | None:
    """Write infinity, the only non-finite value that a fit can hold, as null."""
    return None if math.isinf(value) else value


# --- from JSON --------------------------------------------------------------------------------


def _decode(content: dict[str, Any]) -> Saved:
    kind = content["kind"]
    if kind == "clv_model":
        spend = content["spend"]
        if isinstance(spend, dict):
            spend = _decode(spend)
        elif spend is not None and not isinstance(spend, str | int | float):
            raise TypeError(f"spend is {spend!r:.80}")
        purchases = _decode(content["purchases"])
        kind_of = purchases.model if isinstance(purchases, Fit) else purchases
        if isinstance(purchases, CLVModel) or not isinstance(kind_of, PurchasePredictions):
            raise TypeError("purchases are no fit of a purchase model")
        return CLVModel(cast(PurchaseFit, purchases), spend)
    if kind == "model":
        return _decode_model(content)
    if kind == "fit":
        return _decode_fit(content)
    raise ModelFileError("A model file holds a fit, a model or a pair.", place=f"Got {kind!r}.")


def _decode_model(content: dict[str, Any]) -> Parametric:
    base = _decode_base(content)
    if "effects" not in content:
        return base
    effects = {process: Effects(**each) for process, each in content["effects"].items()}
    tied = content["tied"]
    if not isinstance(tied, bool):
        raise TypeError(f"tied is {tied!r}")
    if isinstance(base, PurchaseModel):
        return PurchaseCovariates(base, effects, tied)
    if isinstance(base, SpendModel):
        return SpendCovariates(base, effects, tied)
    raise ValueError(f"{base.title} has no covariates")


def _decode_base(content: dict[str, Any]) -> Model:
    name = content["model"]
    if name not in MODELS:
        raise ModelFileError(
            "A model file names a model of this version.",
            place=f"Got {name!r}; known are {', '.join(MODELS)}.",
            fix="Upgrade clvmodels.",
        )
    return MODELS[name](**content["parameters"])


def _decode_fit(content: dict[str, Any]) -> Fit[Parametric]:
    model = _decode_model(content)
    rows = [[_number(value, infinite=True) for value in row] for row in content["covariance"]]
    covariance = np.array(rows)
    k = len(model.parameter_names())
    if covariance.shape != (k, k) or not (np.diag(covariance) >= 0.0).all():
        raise ValueError(f"covariance {covariance.shape} is none of {k} parameters")
    until, unit = content["observed_until"], content["unit"]
    n_customers = _number(content["n_customers"])
    if n_customers <= 0.0:
        raise ValueError(f"n_customers is {n_customers}")
    return Fit(
        model=model,
        covariance=covariance,
        log_likelihood=_number(content["log_likelihood"]),
        n_customers=n_customers,
        certificate=_decode_certificate(content["certificate"]),
        unit=None if unit is None else check_unit(unit),
        observed_until=None if until is None else date.fromisoformat(until),
        definitions=_decode_definitions(content["definitions"]),
        data=_decode_fingerprint(content["data"]),
        frequencies=_decode_frequencies(content["frequencies"]),
    )


def _decode_fingerprint(content: dict[str, Any]) -> Fingerprint:
    known: dict[str, Any] = {k: None if v is None else _number(v) for k, v in content.items()}
    return Fingerprint(**known)


def _decode_frequencies(content: dict[str, Any] | None) -> FrequencyTable | None:
    if content is None:
        return None
    observed, expected = (tuple(map(_number, content[k])) for k in ("observed", "expected"))
    if len(observed) != len(expected) or len(observed) < 2:
        raise ValueError("frequencies are two rows of counts")
    return FrequencyTable(observed, expected)


def _decode_certificate(content: dict[str, Any]) -> Certificate:
    words = {key: content[key] for key in ("flat", "findings")}
    if content["verdict"] not in get_args(Verdict) or not all(
        isinstance(each, list) and all(isinstance(word, str) for word in each)
        for each in words.values()
    ):
        raise ValueError("a certificate has a verdict and findings in words")
    numbers = {
        key: _number(value, infinite=True)
        for key, value in content.items()
        if key not in ("verdict", *words)
    }
    counts = {key: int(numbers[key]) for key in ("iterations", "starts", "starts_agreeing")}
    texts = {key: tuple(each) for key, each in words.items()}
    return Certificate(**{"verdict": content["verdict"], **numbers, **counts, **texts})


def _number(value: object, *, infinite: bool = False) -> float:
    """Return a number of JSON as a float; null is infinity where that is allowed."""
    if value is None and infinite:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.80} is no number")
    return float(value)


def _decode_definitions(content: dict[str, Any] | None) -> Definitions | None:
    if content is None:
        return None
    rules = Definitions(**content)
    if rules.grid not in get_args(Grid) or rules.returns not in get_args(Returns):
        raise ValueError(f"unknown rules {content}")
    return rules


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _not_a_model(path: object, place: str) -> ModelFileError:
    return ModelFileError(
        "A model file is what clvmodels.save wrote.",
        place=f"{path}: {place}",
        fix="Check the path, or fit and save again.",
    )


def _library_version() -> str:
    try:
        return version("clvmodels")
    except PackageNotFoundError:
        return "unknown"
