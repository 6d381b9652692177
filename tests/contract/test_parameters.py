"""A model is its parameters: declared, validated, comparable, executable, and saved bit for bit."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.models.base import Model
from clvmodels.parameters import declared

from .conftest import Case, draw, rebuilt


def test_declaration(model_class: type[Model]) -> None:
    assert model_class.parameter_names()
    assert model_class.__doc__
    for name in model_class.parameter_names():
        assert name in model_class.__doc__
    assert clv.__all__.count(model_class.__name__) == 1


def test_value_semantics(model_class: type[Model]) -> None:
    model = draw(model_class, 0)
    twin = rebuilt(model, model.values)
    assert model == twin
    assert hash(model) == hash(twin)
    assert eval(repr(model), {model_class.__name__: model_class}) == model
    assert pickle.loads(pickle.dumps(model)) == model
    assert model != draw(model_class, 1)
    with pytest.raises(AttributeError):
        setattr(model, model_class.parameter_names()[0], 1.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, "x", None])
def test_domain(model_class: type[Model], bad: object) -> None:
    good = {name: getattr(draw(model_class, 0), name) for name in declared(model_class)}
    for name in model_class.parameter_names():
        with pytest.raises(clv.ParameterError, match=f"Parameter '{name}' of.*Got .*Fit the model"):
            model_class(**{**good, name: bad})


def test_file_round_trip(any_case: Case, tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    clv.save(any_case.model, first)
    loaded = clv.load(first)
    assert loaded == any_case.model
    clv.save(loaded, second)
    assert first.read_bytes() == second.read_bytes()
