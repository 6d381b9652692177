"""What is saved comes back bit for bit; what is no model file is refused with the reason."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import BGNBD, CLVModel, Customers, GammaGamma
from clvmodels.files import atomic_path


@pytest.fixture(scope="module")
def fits() -> tuple[clv.Fit[BGNBD], clv.Fit[GammaGamma]]:
    customers = BGNBD(0.24, 4.4, 0.8, 2.4).simulate(1_500, 60.0, seed=1, unit="week")
    with_spend = GammaGamma(6.0, 4.0, 15.0).simulate(customers, seed=1)
    return BGNBD.fit(with_spend), GammaGamma.fit(with_spend)


def test_round_trip(fits: Any, tmp_path: Path) -> None:
    model, path, again = CLVModel(*fits), tmp_path / "m.json", tmp_path / "n.json"
    assert clv.save(model, path) == path
    loaded = clv.load(path)
    clv.save(loaded, again)
    assert path.read_bytes() == again.read_bytes()
    assert isinstance(loaded, CLVModel)
    for ours, theirs in zip(fits, (loaded.purchases, loaded.spend), strict=True):
        assert theirs.model == ours.model
        assert np.array_equal(theirs.covariance, ours.covariance)
        assert theirs.certificate == ours.certificate
        assert theirs.data == ours.data
        assert theirs.unit == "week"


def test_predictions_survive(fits: Any, tmp_path: Path) -> None:
    clv.save(fits[0], tmp_path / "fit.json")
    customers = Customers.from_arrays([2], [30.0], [39.0], unit="week")
    loaded = clv.load(tmp_path / "fit.json")
    assert loaded.expected_purchases(customers, 52.0) == fits[0].expected_purchases(customers, 52.0)
    with pytest.raises(clv.UnitMismatchError):
        loaded.p_alive(Customers.from_arrays([2], [30.0], [39.0], unit="day"))


def test_no_customer_is_in_the_file(fits: Any, tmp_path: Path) -> None:
    clv.save(CLVModel(*fits), tmp_path / "m.json")
    assert (tmp_path / "m.json").stat().st_size < 8_000


@pytest.mark.parametrize("drawn", [0, 1])
def test_draws_are_not_saved(fits: Any, tmp_path: Path, drawn: int) -> None:
    pair = [fit.draws(100, seed=1) if i == drawn else fit for i, fit in enumerate(fits)]
    for each in (pair[drawn], CLVModel(*pair)):
        with pytest.raises(clv.DataError, match=r"[.]fit"):
            clv.save(each, tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


def test_a_boundary_fit_has_strict_json(tmp_path: Path) -> None:
    customers = BGNBD(0.5, 5.0, 1e-6, 1.0).simulate(500, 39.0, seed=1, unit="week")
    with pytest.warns(clv.IdentifiabilityWarning):
        fit = BGNBD.fit(customers)
    clv.save(fit, tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    assert "Infinity" not in text
    assert "NaN" not in text
    loaded = clv.load(tmp_path / "m.json")
    assert math.isinf(loaded.standard_errors[2])
    assert loaded.certificate == fit.certificate


REMOVED = object()


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], str]:
    """Return an edit that sets or removes an entry of a model file, and gives its text."""

    def edit(content: dict[str, Any]) -> str:
        *parents, last = path
        place = content
        for name in parents:
            place = place[name]
        place[last] = value
        if value is REMOVED:
            del place[last]
        return json.dumps(content)

    return edit


DAMAGE: dict[str, Callable[[dict[str, Any]], str]] = {
    "truncated": lambda content: json.dumps(content)[:-40],
    "a list": lambda content: json.dumps([content]),
    "not a number": put("purchases", "parameters", "r", value=math.nan),
    "another schema": put("schema", value=99),
    "another format": put("format", value="something"),
    "another kind": put("kind", value="pickle"),
    "unknown model": put("purchases", "model", value="os.system"),
    "bad parameter": put("purchases", "parameters", "r", value=-1.0),
    "extra parameter": put("purchases", "parameters", "evil", value=1.0),
    "small covariance": put("purchases", "covariance", value=[[1.0]]),
    "no certificate": put("purchases", "certificate", value=REMOVED),
    "unknown unit": put("purchases", "unit", value="fortnight"),
    "no date": put("purchases", "observed_until", value="yesterday"),
    "unknown verdict": put("purchases", "certificate", "verdict", value="fine"),
    "findings no list": put("purchases", "certificate", "findings", value="x"),
    "text for a number": put("purchases", "certificate", "gradient_norm", value="0.1"),
    "negative variance": put(
        "purchases", "covariance", value=[[-1.0, 0.0, 0.0, 0.0], *([[0.0] * 4] * 3)]
    ),
    "no customers": put("purchases", "n_customers", value=-1),
    "true for a number": put("purchases", "log_likelihood", value=True),
    "totals no numbers": put("purchases", "data", "n_repeat", value={}),
    "half a histogram": put("purchases", "frequencies", "expected", value=[1.0]),
    "price no price": put("spend", value=[1.0]),
}


@pytest.mark.parametrize("change", DAMAGE)
def test_damaged_files(fits: Any, tmp_path: Path, change: str) -> None:
    path = tmp_path / "m.json"
    clv.save(CLVModel(*fits), path)
    path.write_text(DAMAGE[change](json.loads(path.read_text())))
    with pytest.raises(clv.ModelFileError) as caught:
        clv.load(path)
    assert isinstance(caught.value, ValueError)
    assert caught.value.place
    assert "m.json" in str(caught.value) or "Got" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x04binary", b"PAR1"])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(clv.ModelFileError, match=r"what clvmodels\.save wrote.*m\.json.*Check"):
        clv.load(path)
    with pytest.raises(clv.ModelFileError, match="cannot be read"):
        clv.load(tmp_path / "absent.json")


def test_unwritable_paths(fits: Any, tmp_path: Path) -> None:
    with pytest.raises(clv.DataError, match=r"folder that exists.*Create the folder"):
        clv.save(fits[0], tmp_path / "no" / "such" / "m.json")
    with pytest.raises(clv.DataError, match="it is a folder"):
        clv.save(fits[0], tmp_path)
    with pytest.raises(clv.DataError, match=r"a fit, a model or a CLVModel.*Got str"):
        clv.save("model", tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_a_crash_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")

    def crash() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the ne")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        crash()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_file_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    clv.save(BGNBD(1.0, 1.0, 1.0, 1.0), path)
    path.chmod(0o640)
    clv.save(BGNBD(2.0, 1.0, 1.0, 1.0), path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_mismatched_pair() -> None:
    weekly = BGNBD(0.24, 4.4, 0.8, 2.4).simulate(500, 60.0, seed=1, unit="week")
    daily = BGNBD(0.24, 30.0, 0.8, 2.4).simulate(500, 400.0, seed=1, unit="day")
    spend = GammaGamma.fit(GammaGamma(6.0, 4.0, 15.0).simulate(daily, seed=1))
    with pytest.raises(clv.UnitMismatchError, match=r"per week.*per day"):
        CLVModel(BGNBD.fit(weekly), spend)
