"""Every registered model, with example parameters and histories drawn from its declaration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.base import Model
from clvmodels.models.purchases import OpportunityModel, PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.models.spend import SpendModel

SETS = 4  # parameter sets a model
ALWAYS = 1  # of them in every run; `make thorough` has all


@dataclass(frozen=True)
class Case:
    """A model at some parameters, with histories that it could have produced."""

    model: Model
    customers: Customers

    def __str__(self) -> str:
        return repr(self.model)


def draw(model: type[Model], seed: int) -> Model:
    """Draw parameters log-uniformly from the typical ranges that the model declares."""
    rng = np.random.default_rng(seed)
    values = [np.exp(rng.uniform(*np.log(each.typical))) for each in model.domains().values()]
    settings = dict.fromkeys(model.settings(), seed + 1)
    return model(**dict(zip(model.domains(), values, strict=True)), **settings)


def settings_of(model: Model) -> dict[str, int]:
    """What of a model is chosen and not estimated."""
    return {name: getattr(model, name) for name in model.settings()}


def rebuilt(model: Model, values: np.ndarray) -> Model:
    """The model with other parameters and the same settings."""
    names = model.parameter_names()
    return type(model)(**dict(zip(names, values.tolist(), strict=True)), **settings_of(model))


def example_customers(model: Model, seed: int) -> Customers:
    """Simulate customers, and add corner cases that simulation seldom gives."""
    if isinstance(model, SpendModel):
        rng = np.random.default_rng(seed)
        bare = Customers.from_arrays(1.0 + rng.poisson(2.0, 60), unit="week")
        return model.simulate(bare, seed=seed)
    assert isinstance(model, PurchaseModel)
    if isinstance(model, OpportunityModel):
        ages = np.append(np.arange(60) % 13, [0, 1, 40])
        c = model.simulate(len(ages), ages, seed=seed, unit="week")
        return replace(c, weight=1.0 + ages % 3)
    x, t_x, T = model.simulate(60, 52.0, seed=seed).timing
    return Customers.from_arrays(
        np.append(x, [0, 0, 1, 1, 40, 3]),
        np.append(t_x, [0.0, 0.0, 1e-3, 52.0, 51.9, 52.0]),
        np.append(T, [0.0, 52.0, 52.0, 52.0, 52.0, 52.0]),
        unit="week",
        weight=np.append(np.ones(60), [2, 3, 1, 2, 1, 5]),
    )


def cases(kind: type[Model]) -> list[Any]:
    chosen = [model for model in MODELS.values() if issubclass(model, kind)]
    return [
        pytest.param(
            draw(model, seed),
            id=f"{model.__name__}-{seed}",
            marks=pytest.mark.slow if seed >= ALWAYS else (),
        )
        for model in chosen
        for seed in range(SETS)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = {"any_case": Model, "purchase_case": PurchaseModel, "spend_case": SpendModel}
    for name, kind in kinds.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, cases(kind), indirect=True)


def _case(request: pytest.FixtureRequest) -> Case:
    model: Model = request.param
    return Case(model, example_customers(model, seed=11))


any_case = pytest.fixture(name="any_case")(_case)
purchase_case = pytest.fixture(name="purchase_case")(_case)
spend_case = pytest.fixture(name="spend_case")(_case)


@pytest.fixture(params=list(MODELS), ids=str)
def model_class(request: pytest.FixtureRequest) -> type[Model]:
    """Return each registered model class."""
    return MODELS[request.param]
