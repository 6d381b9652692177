"""Covariates: what they mean, what they leave alone, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clvmodels import (
    BGNBD,
    MBGNBD,
    Customers,
    DataError,
    Effects,
    GammaGamma,
    IdentifiabilityWarning,
    MissingColumnError,
    ParameterError,
    PurchaseCovariates,
    SpendCovariates,
    load,
    save,
)

SIGMAS = 4.0


def shoppers(n: int, seed: int, **more: Any) -> Customers:
    """Ages and covariates alone: histories are simulated from them."""
    rng = np.random.default_rng(seed)
    channel = rng.choice(["shop", "web"], n)
    zero = np.zeros(n)
    ages = rng.integers(40, 90, n).astype(float)
    return Customers.from_arrays(
        zero,
        zero,
        ages,
        unit="week",
        covariates={"channel": channel, "age": rng.normal(40.0, 10.0, n), **more},
    )


TRUTH = PurchaseCovariates(
    BGNBD(0.8, 6.0, 0.9, 3.5),
    {
        "purchase": Effects(
            "channel + age", {"channel[T.web]": 0.4, "age": 0.02}, {"channel": ("shop", "web")}
        ),
        "dropout": Effects("channel", {"channel[T.web]": -0.5}, {"channel": ("shop", "web")}),
    },
)


@pytest.fixture(scope="module")
def simulated() -> Customers:
    return TRUTH.simulate(shoppers(6_000, seed=1), seed=2)


def test_recovery(simulated: Customers) -> None:
    fit = BGNBD.fit(simulated, purchase="channel + age", dropout="channel")
    off = (fit.model.values - TRUTH.values) / fit.standard_errors
    assert np.abs(off).max() < SIGMAS
    assert fit.model.parameter_names()[4:] == (
        "purchase: channel[T.web]",
        "purchase: age",
        "dropout: channel[T.web]",
    )
    assert fit.certificate.verdict == "identified"
    assert list(fit.estimates.index) == list(fit.names)


def test_the_scale_of_a_column_moves_its_coefficient_alone(simulated: Customers) -> None:
    """Centred and scaled inside, reported on the user's scale."""
    fit = BGNBD.fit(simulated, purchase="age")
    x, t_x, T = simulated.timing
    months = {"age": simulated.covariates["age"] * 12.0 + 500.0}
    other = BGNBD.fit(
        Customers.from_arrays(x, t_x, T, unit="week", covariates=months), purchase="age"
    )
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-12)
    assert other.model.values[4] == pytest.approx(fit.model.values[4] / 12.0, rel=1e-8)
    assert other.standard_errors[4] == pytest.approx(fit.standard_errors[4] / 12.0, rel=1e-8)
    shift = np.exp(other.model.values[4] * 500.0)
    assert other.model.base.alpha == pytest.approx(fit.model.base.alpha * shift, rel=1e-8)
    assert other.model.base.r == pytest.approx(fit.model.base.r, rel=1e-8)


def test_covariance_is_that_of_the_user_s_scale(simulated: Customers) -> None:
    """The inverse Hessian in the user's coordinates, without any standardisation."""
    fit = BGNBD.fit(simulated, purchase="channel + age", dropout="channel")
    hessian = fit.model.evaluate(simulated).hessian
    scale = np.where(fit.model.positive, fit.model.values, 1.0)
    direct = np.linalg.inv(-hessian) * np.outer(scale, scale)
    assert fit.covariance == pytest.approx(direct, rel=1e-6, abs=1e-12)


def test_gradient_is_zero_and_hessian_is_that_of_the_likelihood(simulated: Customers) -> None:
    fit = BGNBD.fit(simulated, purchase="channel + age", dropout="channel", tied=True)
    objective, z = fit.model.objective(simulated), fit.model.coordinates
    value, gradient, hessian = objective(z)
    assert value == pytest.approx(fit.log_likelihood, rel=1e-12)
    curvature = np.sqrt(np.diag(-hessian))
    for i, step in enumerate(np.diag(1e-3 / curvature * np.sqrt(len(simulated)))):
        up, down = objective(z + step), objective(z - step)
        h = 2.0 * step[i]
        assert (up[1] - down[1]) / h == pytest.approx(hessian[i], rel=1e-3, abs=1e-4 * curvature[i])
        assert abs((up[0] - down[0]) / h - gradient[i]) < 1e-3 * curvature[i] * len(z)
    assert np.abs(gradient / curvature).max() < 1e-6


def test_equal_rows_compress(simulated: Customers) -> None:
    """A category makes no more rows than there are distinct histories in each."""
    x, t_x, T = simulated.timing
    whole = Customers.from_arrays(  # four-week periods
        x,
        np.where(x > 0, 4.0 * np.ceil(t_x / 4.0), 0.0),
        4.0 * np.ceil(T / 4.0),
        unit="week",
        covariates={"channel": simulated.covariates["channel"]},
    )
    patterns = whole.patterns(("frequency", "recency", "T", "channel"))
    assert len(patterns) < 0.6 * len(whole)
    from_rows, from_patterns = (BGNBD.fit(c, purchase="channel") for c in (whole, patterns))
    assert from_patterns.model.values == pytest.approx(from_rows.model.values, rel=1e-9)


def test_two_groups_are_two_fits() -> None:
    """With a category on every parameter that varies, likelihoods of the groups add up."""
    c = TRUTH.simulate(shoppers(3_000, seed=3), seed=4)
    joint = BGNBD.fit(c, purchase="channel", dropout="channel")
    groups = [joint.model.at(channel=level) for level in ("shop", "web")]
    web = c.covariates["channel"] == "web"
    apart = sum(
        float(model.log_likelihood(c.take(np.flatnonzero(rows))).sum())
        for model, rows in zip(groups, (~web, web), strict=True)
    )
    assert joint.log_likelihood == pytest.approx(apart, rel=1e-12)


def test_predictions_are_those_of_the_model_of_each_customer(simulated: Customers) -> None:
    few = simulated.take(slice(0, 40))
    values = {
        "p_alive": TRUTH.p_alive(few),
        "expected": TRUTH.expected_purchases(few, 30.0),
        "discounted": TRUTH.discounted_purchases(few, np.inf, 0.002),
        "log_likelihood": TRUTH.log_likelihood(few),
    }
    for row in range(len(few)):
        one = few.take(slice(row, row + 1))
        own = TRUTH.at(**{name: column[0] for name, column in one.covariates.items()})
        assert values["p_alive"][row] == pytest.approx(own.p_alive(one)[0], rel=1e-12)
        assert values["expected"][row] == pytest.approx(
            own.expected_purchases(one, 30.0)[0], rel=1e-11
        )
        assert values["discounted"][row] == pytest.approx(
            own.discounted_purchases(one, np.inf, 0.002)[0], rel=1e-11
        )
        assert values["log_likelihood"][row] == pytest.approx(own.log_likelihood(one)[0], rel=1e-12)


def test_a_new_customer_has_covariates(simulated: Customers) -> None:
    fit = BGNBD.fit(simulated, purchase="channel")
    assert fit.model.at(channel="web").mean_purchases(52) > fit.model.at(
        channel="shop"
    ).mean_purchases(52)
    with pytest.raises(ParameterError, match=r"Say which.*at\(channel='web'\)"):
        fit.mean_purchases(52.0)
    with pytest.raises(DataError, match="channel 'radio'; seen were 'shop', 'web'"):
        fit.model.at(channel="radio")
    with pytest.raises(ParameterError, match="knows the covariates channel"):
        fit.model.at(chanel="web")
    with pytest.raises(ParameterError, match=r"Got none. Pass a value for each, as in at\(channel"):
        fit.model.at()


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("chanel", "no column 'chanel'.*Did you mean 'channel'"),
        ("", "It names no column"),
        ("1", "It names no column"),
        ("0 + channel", "leaves out the intercept"),
        ("channel ~ age", "has a response"),
        ("channel +", "cannot be read"),
        ("bs(age, df=4)", "more than one column"),
        ("scale(age)", r"scale\(\) is not known"),
        ("I(__import__('os').system('true'))", "more than arithmetic"),
        ("I(age.real)", "more than arithmetic"),
        ("I([age][0])", "more than arithmetic"),
        ("open('x')", "more than arithmetic|not known"),
    ],
)
def test_formulas_that_are_refused(simulated: Customers, formula: str, words: str) -> None:
    with pytest.raises((ParameterError, MissingColumnError), match=words):
        BGNBD.fit(simulated, purchase=formula)


def test_columns_that_tell_nothing(simulated: Customers) -> None:
    x, t_x, T = simulated.timing
    age = simulated.covariates["age"]
    known = {"age": age, "twice": 2.0 * age + 1.0, "same": np.ones(len(age))}
    c = Customers.from_arrays(x, t_x, T, unit="week", covariates=known)
    with pytest.raises(DataError, match="same is the same for all"):
        BGNBD.fit(c, purchase="same")
    with pytest.raises(DataError, match="age, twice are sums of one another"):
        BGNBD.fit(c, purchase="age + twice")
    low = {"shifted": age - age.min()}
    shifted = Customers.from_arrays(x, t_x, T, unit="week", covariates=low)
    with pytest.raises(DataError, match=r"log\(shifted\).* is .*-inf|nan"):
        BGNBD.fit(shifted, purchase="log(shifted)")


def test_transforms_and_interactions(simulated: Customers) -> None:
    fit = BGNBD.fit(simulated, purchase="channel * I(age / 10) + C(channel):log(age)")
    columns = fit.model.effects["purchase"].columns
    assert "channel[T.web]:I(age / 10)" in columns
    few = simulated.take(slice(0, 3))
    assert np.isfinite(fit.expected_purchases(few, 10.0)).all()


def test_processes_a_model_does_not_have(simulated: Customers) -> None:
    with pytest.raises(ParameterError, match="no such pair"):
        SpendCovariates(GammaGamma(6, 4, 15), {"spend": TRUTH.effects["dropout"]}, tied=True)
    with pytest.raises(ParameterError, match="covariates for: purchase, dropout"):
        PurchaseCovariates(BGNBD(1, 1, 1, 1), {"spend": TRUTH.effects["dropout"]})


def test_effects_are_checked() -> None:
    with pytest.raises(ParameterError, match="one finite coefficient"):
        Effects("channel", {"channel": 1.0}, {"channel": ("shop", "web")})
    with pytest.raises(ParameterError, match="one finite coefficient"):
        Effects("age", {"age": np.nan}, {})


def test_spend_covariates_recover() -> None:
    rng = np.random.default_rng(0)
    n = 6_000
    web = rng.integers(0, 2, n)
    c = Customers.from_arrays(1.0 + rng.poisson(3.0, n), unit="week")
    truth = GammaGamma(6.0, 4.0, 15.0)
    means = truth.simulate(c, seed=1).spend[1] * np.exp(0.3 * web)
    data = Customers.from_arrays(
        c.frequency, unit="week", monetary_value=means, covariates={"web": web}
    )
    fit = GammaGamma.fit(data, spend="web")
    assert isinstance(fit.model, SpendCovariates)
    assert abs(fit.model.values[3] - 0.3) < SIGMAS * fit.standard_errors[3]
    few = data.take(slice(0, 5))
    by_hand = [
        float(fit.model.at(web=w).expected_spend(few.take(slice(i, i + 1)))[0])
        for i, w in enumerate(web[:5])
    ]
    assert fit.expected_spend(few) == pytest.approx(by_hand, rel=1e-12)


def test_files_and_values(simulated: Customers, tmp_path: Any) -> None:
    fit = MBGNBD.fit(simulated, purchase="channel + age", dropout="channel")
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    save(fit, first)
    loaded = load(first)
    save(loaded, second)
    assert first.read_bytes() == second.read_bytes()
    assert loaded.model == fit.model
    assert hash(loaded.model) == hash(fit.model)
    names = {"PurchaseCovariates": PurchaseCovariates, "MBGNBD": MBGNBD, "Effects": Effects}
    assert eval(repr(fit.model), names) == fit.model
    few = simulated.take(slice(0, 9))
    assert loaded.expected_purchases(few, 9.0).tolist() == fit.expected_purchases(few, 9.0).tolist()


def test_a_formula_in_a_file_is_never_run(simulated: Customers, tmp_path: Any) -> None:
    path = save(BGNBD.fit(simulated, purchase="age"), tmp_path / "model.json")
    text = path.read_text().replace(
        '"formula": "age"', '"formula": "I(__import__(\'os\').getcwd())"'
    )
    path.write_text(text)
    with pytest.raises(DataError, match=r"model file is what.*A formula joins columns"):
        load(path)


def with_column(c: Customers, name: str, values: Any) -> Customers:
    x, t_x, T = c.timing
    return Customers.from_arrays(x, t_x, T, unit="week", covariates={name: values})


@pytest.mark.parametrize("formula", ["age**2", "{age}", "channel / age", ".", "age % 2", ["age"]])
def test_operators_that_mislead(simulated: Customers, formula: Any) -> None:
    with pytest.raises(ParameterError, match="A formula joins columns"):
        BGNBD.fit(simulated, purchase=formula)


def test_logarithms_of_negative_numbers(simulated: Customers) -> None:
    c = with_column(simulated, "z", simulated.covariates["age"] - 40.0)
    with pytest.raises(DataError, match=r"log\(z\).* is nan for {'z': -"):
        BGNBD.fit(c, purchase="log(z)")


def test_ids_and_dates_are_no_categories(simulated: Customers) -> None:
    n = len(simulated)
    ids = with_column(simulated, "who", [f"c{i}" for i in range(n)])
    with pytest.raises(DataError, match=r"who has 6,000 levels.*an id or a date"):
        BGNBD.fit(ids, purchase="who")
    with pytest.raises(DataError, match=r"'day' holds .*date"):
        with_column(simulated, "day", np.full(n, np.datetime64("2024-01-01"), dtype="M8[D]"))
    with pytest.raises(DataError, match="'mixed' holds int, str"):
        with_column(simulated, "mixed", np.array([1, "a"] * (n // 2), dtype=object))
    with pytest.raises(DataError, match="one is the same for all"):
        BGNBD.fit(with_column(simulated, "one", ["a"] * n), purchase="one")


def test_decimals_are_numbers(simulated: Customers) -> None:
    from decimal import Decimal

    prices = [Decimal(i % 7) for i in range(len(simulated))]
    fit = BGNBD.fit(
        with_column(simulated, "price", np.array(prices, dtype=object)), purchase="price"
    )
    assert fit.names[-1] == "purchase: price"


def test_a_column_that_changes_its_kind(simulated: Customers) -> None:
    fit = BGNBD.fit(simulated, purchase="channel + age")
    with pytest.raises(DataError, match="age was numbers in the fit and is text here"):
        fit.model.at(channel="web", age="old")
    with pytest.raises(DataError, match="channel was text in the fit and is numbers here"):
        fit.model.at(channel=1.0, age=40.0)


def test_columns_far_from_zero(simulated: Customers) -> None:
    seconds = 1.6e9 + simulated.covariates["age"]
    with pytest.raises(DataError, match=r"values of unix lie so far from 0.*Subtract"):
        BGNBD.fit(with_column(simulated, "unix", seconds), purchase="unix")
    near = BGNBD.fit(with_column(simulated, "unix", seconds), purchase="I(unix - 1.6e9)")
    plain = BGNBD.fit(simulated, purchase="age")
    assert near.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-9)


@pytest.mark.slow
def test_many_levels(simulated: Customers) -> None:
    levels = with_column(simulated, "shop", [f"s{i % 60:02}" for i in range(len(simulated))])
    fit = BGNBD.fit(levels, purchase="shop")
    assert len(fit.names) == 4 + 59
    assert fit.certificate.gradient_norm < 1e-6


def test_options_that_would_do_nothing(simulated: Customers) -> None:
    for options in ({"tied": True}, {"purchase": "age", "tied": True}, {"tied": "yes"}):
        with pytest.raises(ParameterError, match="`tied` is True or False"):
            BGNBD.fit(simulated, **options)
    with pytest.raises(ParameterError, match="starts from the maximum without"):
        BGNBD.fit(simulated, purchase="age", starts=[BGNBD(1, 1, 1, 1)])
    for kind in ("robust", None, 5):
        for formula in ({}, {"purchase": "age"}):
            with pytest.raises(ParameterError, match="'hessian' or 'sandwich'"):
                BGNBD.fit(simulated, covariance=kind, **formula)


def test_a_level_that_never_comes_back(simulated: Customers) -> None:
    x, t_x, T = simulated.timing
    gone = np.arange(len(x)) % 4 == 0
    c = Customers.from_arrays(
        np.where(gone, 0.0, x),
        np.where(gone, 0.0, t_x),
        T,
        unit="week",
        covariates={"kind": np.where(gone, "lost", "kept")},
    )
    with pytest.warns(IdentifiabilityWarning, match=r"kind\[T.lost\] has no bound.*Merge it"):
        BGNBD.fit(c, purchase="kind")


def test_discounting_with_a_dropout_of_their_own(simulated: Customers) -> None:
    model = PurchaseCovariates(
        BGNBD(0.8, 6.0, 0.9, 3.5), {"dropout": Effects("age", {"age": 0.02}, {})}
    )
    few = simulated.take(slice(0, 70))
    together = model.discounted_purchases(few, 100.0, 0.003)
    for row in (0, 33, 69):
        one = few.take(slice(row, row + 1))
        own = model.at(age=float(one.covariates["age"][0]))
        assert together[row] == pytest.approx(
            own.discounted_purchases(one, 100.0, 0.003)[0], rel=1e-11
        )
