"""What is drawn is the table, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection, LineCollection
from matplotlib.container import BarContainer
from matplotlib.dates import date2num

from clvmodels import DataError, ParameterError, plots
from clvmodels.diagnostics.matrices import Matrix

Draw = Callable[..., Any]
Make = Callable[..., Any]


def line(ax: Any, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the line or marks with this label."""
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def same(drawn: Any, column: Any) -> None:
    np.testing.assert_array_equal(np.asarray(drawn, float), np.asarray(column, float))


def bars(ax: Any) -> BarContainer:
    (found,) = [each for each in ax.containers if isinstance(each, BarContainer)]
    return found


def edges(ax: Any) -> set[tuple[float, float]]:
    """Return the corners of the band."""
    (band,) = [each for each in ax.collections if isinstance(each, FillBetweenPolyCollection)]
    return {tuple(each) for each in band.get_paths()[0].vertices.round(9).tolist()}


def test_frequencies(drawn: Draw, made: Make) -> None:
    ax, table = drawn("frequencies"), made("frequencies").table
    same([each.get_height() for each in bars(ax)], table["observed"])
    place, expected = line(ax, "expected")
    same(expected, table["expected"])
    same(ax.get_xticks(), place)
    assert [each.get_text() for each in ax.get_xticklabels()] == ["0", "1", "2+"]
    assert ax.get_title("left") == "How often 100 customers came back"


@pytest.mark.parametrize(
    ("name", "promised"), [("calibration", "expected"), ("deciles", "predicted")]
)
def test_groups(name: str, promised: str, drawn: Draw, made: Make) -> None:
    ax, table = drawn(name), made(name).table
    for column in (promised, "actual"):
        place, values = line(ax, column)
        same(values, table[column])
        same(place, range(len(table)))
    (spans,) = [each for each in ax.collections if isinstance(each, LineCollection)]
    ends = np.array(spans.get_segments())
    same(ends[:, 0, 1], table["lower"])
    same(ends[:, 1, 1], table["upper"])
    same(ends[:, 0, 0], range(len(table)))
    assert spans.get_label() == "90 % interval"


def test_words_of_groups(drawn: Draw) -> None:
    ax = drawn("calibration")
    assert [each.get_text() for each in ax.get_xticklabels()] == [
        "0\n(1,411)",
        "1\n(439)",
        "2+\n(507)",
    ]
    assert ax.get_xlabel() == "repeat purchases until 1997-09-30 (customers)"
    assert ax.get_ylabel() == "mean purchases in 39 weeks"
    ax = drawn("deciles")
    assert ax.get_xlabel() == "tenths of the customers by predicted value, 236 each"
    assert ax.get_ylabel() == "mean value in 39 weeks"


@pytest.mark.parametrize(
    ("quantity", "names"),
    [
        ("retention", ("active", "active_lower", "active_upper")),
        ("cumulative_value", ("cumulative_value", "lower", "upper")),
    ],
)
def test_cohorts(quantity: str, names: tuple[str, ...], drawn: Draw, made: Make) -> None:
    """Observed ages under the name of the cohort, dashes from the last one on, a band ahead."""
    ax, table = drawn("cohorts", quantity=quantity), made("cohorts").table
    first = 1 if quantity == "retention" else 0  # at age 0 everybody bought
    bands = [each for each in ax.collections if isinstance(each, FillBetweenPolyCollection)]
    for band, (cohort, rows) in zip(bands, table.groupby("cohort"), strict=False):
        known = rows[rows["age"] >= first].set_index("age")
        seen = known[known["kind"] == "observed"]
        ages, values = line(ax, cohort)
        same(ages, seen.index)
        same(values, seen[names[0]])
        from_last = known.loc[seen.index[-1] :]
        dashes = [each for each in ax.lines if each.get_linestyle() == "--"]
        assert any(np.array_equal(each.get_ydata(), from_last[names[0]]) for each in dashes)
        corners = {tuple(each) for each in band.get_paths()[0].vertices.round(9).tolist()}
        for end in names[1:]:
            ahead = known[known["kind"] == "projected"][end].round(9)
            assert set(zip(ahead.index.astype(float), ahead, strict=True)) <= corners
    assert "90 % interval" in ax.get_legend_handles_labels()[1]


def test_of_many_cohorts_some_have_names(made: Make, axes: Make) -> None:
    table = made("cohorts").table
    many = [table[:5].assign(cohort=f"{2000 + i}") for i in range(20)]
    result = replace(made("cohorts"), table=pd.concat(many, ignore_index=True))
    ax = plots.cohorts(result, ax=axes())
    labels = ax.get_legend_handles_labels()[1]
    assert {"2000", "2019", "other cohorts"} < set(labels)
    assert len(set(labels)) == 8 + 3


def test_quantities_of_cohorts(drawn: Draw, made: Make, axes: Make) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'value'"):
        drawn("cohorts", quantity="values")
    bare = made("cohorts", lambda table: table.assign(cumulative_value=np.nan))
    with pytest.raises(DataError, match="known cumulative_value"):
        plots.cohorts(bare, "cumulative_value", ax=axes())


@pytest.mark.parametrize("cumulative", [True, False])
def test_tracking(cumulative: bool, drawn: Draw, made: Make) -> None:
    ax, result = drawn("tracking", cumulative=cumulative), made("tracking")
    part = "cumulative_" if cumulative else ""
    days = date2num(result.table["end"].to_numpy())
    for column in ("actual", "expected"):
        place, values = line(ax, column)
        same(date2num(place), days)
        same(values, result.table[part + column])
    for end in ("lower", "upper"):
        corners = set(zip(days, result.table[part + end].round(9), strict=True))
        assert corners <= edges(ax)
    (shade,) = [each for each in ax.patches if each.get_label() == "holdout"]
    assert shade.get_x() == date2num(np.datetime64(result.calibration_end))
    assert shade.get_x() + shade.get_width() == days[-1]
    assert ax.get_ylabel() == f"repeat purchases {'so far' if cumulative else 'a week'}"
    assert "2,357 customers" in ax.get_title("left")


def test_tracking_of_one_window_is_not_shaded(drawn: Draw) -> None:
    ax = drawn("tracking", lambda table: table[table["window"] == "calibration"])
    assert ax.patches == [] or not any(each.get_label() == "holdout" for each in ax.patches)


def test_path(drawn: Draw, made: Make) -> None:
    ax, table = drawn("p_alive_path", name="Jo"), made("p_alive_path")
    place, values = line(ax, "P(alive)")
    same(date2num(place), date2num(table["date"].to_numpy()))
    same(values, table["p_alive"])
    orders, _ = line(ax, "orders")
    same(date2num(orders), date2num(np.array(["2024-01-01", "2024-01-21", "2024-02-20"], "M8[D]")))
    (shade,) = [each for each in ax.patches if each.get_label() == "if silent"]
    assert shade.get_x() == date2num(np.datetime64("2024-03-30"))
    assert ax.get_title("left") == "P(alive) of Jo"


def test_a_path_without_band_has_none(drawn: Draw) -> None:
    ax = drawn("p_alive_path", lambda table: table.assign(lower=np.nan, upper=np.nan))
    assert not [each for each in ax.collections if isinstance(each, FillBetweenPolyCollection)]
    assert "interval" not in [each.get_text() for each in ax.get_legend().get_texts()]


def test_lift(drawn: Draw, made: Make) -> None:
    ax, result = drawn("lift"), made("lift")
    for label, column in (("predicted", "captured"), ("best possible", "perfect")):
        place, values = line(ax, label)
        same(place, result.table["share_of_customers"])
        same(values, result.table[column])
    same(line(ax, "by chance"), [[0.0, 1.0], [0.0, 1.0]])
    (tenth,) = [each for each in ax.lines if each.get_marker() == "D"]
    same(tenth.get_xydata(), [[0.1, result.top_decile]])
    assert ax.get_title("left") == "BG/NBD: Gini 0.43, 65 % of the best possible"


def test_lift_where_nobody_bought(made: Make, axes: Make) -> None:
    nothing = {"gini": np.nan, "normalised_gini": np.nan, "top_decile": np.nan}
    table = made("lift").table.assign(captured=np.nan, perfect=np.nan)
    ax = plots.lift(replace(made("lift"), table=table, **nothing), ax=axes())
    assert ax.get_title("left") == "BG/NBD: no purchases to rank by"
    assert not [each for each in ax.lines if each.get_marker() == "D"]
    ax.figure.draw_without_rendering()


def test_matrix(drawn: Draw) -> None:
    ax = drawn("matrix")
    (cells,) = ax.collections
    missing = np.nan
    expected = [[1.0, missing, missing], [missing, 0.25, 0.125], [missing, 0.75, 0.875]]
    np.testing.assert_array_equal(np.ma.filled(cells.get_array(), missing), expected)
    places = {each.get_text(): each.get_position() for each in ax.texts}
    assert places == {"100": (0, 0), "25": (1, 1), "12": (2, 1), "75": (1, 2), "88": (2, 2)}
    assert [each.get_text() for each in ax.get_xticklabels()] == ["0", "1", "5"]
    assert [each.get_text() for each in ax.get_yticklabels()] == ["0", "10", "20"]
    title = "BG/NBD: P(alive) in per cent, 38 weeks after the first one"
    assert ax.get_title("left") == title


def test_a_matrix_of_many_cells_has_a_bar_of_colours(axes: Make) -> None:
    recency, frequency = np.divmod(np.arange(40 * 50), 50)
    values = np.linspace(0.0, 30.0, 40 * 50)
    table = pd.DataFrame({"frequency": frequency, "recency": recency / 2.0, "value": values})
    result = Matrix(table, "expected_purchases", 38.0, 52.0, None, "BG/NBD")
    ax = plots.matrix(result, ax=axes())
    assert not ax.texts
    assert len(ax.figure.axes) == 2
    same(ax.collections[0].get_array(), values.reshape(40, 50))
    assert ax.collections[0].get_rasterized()
    assert len(ax.get_xticks()) < 20
    assert ax.get_ylabel() == "units from first to last purchase"


@pytest.mark.parametrize("cumulative", [True, False])
def test_heterogeneity(cumulative: bool, drawn: Draw, made: Make) -> None:
    found, table = drawn("heterogeneity", cumulative=cumulative), made("heterogeneity").table
    assert found.shape == (2,)
    for ax, (name, rows) in zip(found, table.groupby("quantity", sort=False), strict=True):
        same(ax.lines[0].get_xdata(), rows["x"])
        same(ax.lines[0].get_ydata(), rows["cumulative" if cumulative else "density"])
        assert ax.get_xlabel() == name
    same(line(found[0], "median 0.5")[0], [0.5, 0.5])
    same(line(found[0], "mean 0.6")[0], [0.6, 0.6])
    same(line(found[1], "mean ∞")[0], [])
    assert found[0].get_title("left") == "How customers differ, by BG/NBD"


def test_a_density_without_bound_leaves_its_shape_in_the_picture(drawn: Draw) -> None:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(density=np.where(table["x"] < 0.02, np.inf, 1.0 / table["x"]))

    for ax in drawn("heterogeneity", change):
        assert ax.get_ylim()[1] == pytest.approx(1.08 / 0.03)  # the first x beyond the edge


def test_spend_distribution(drawn: Draw, made: Make) -> None:
    ax, table = drawn("spend_distribution"), made("spend_distribution").table
    found = bars(ax)
    same([each.get_height() for each in found], table["observed"])
    same([each.get_x() for each in found], table["low"])
    same([each.get_x() + each.get_width() for each in found], [10.0, 20.0, 30.0])
    (steps,) = [each for each in ax.patches if each.get_label() == "expected"]
    same(steps.get_data().values, table["expected"])
    same(steps.get_data().edges, [0.0, 10.0, 20.0, 30.0])
    assert ax.get_xlabel() == "mean spend a purchase (last bar: 20 and more)"


def test_backtest(drawn: Draw, made: Make) -> None:
    ax, result = drawn("backtest"), made("backtest")
    overall = result.summary
    number, place = line(ax, "model")
    same(number, overall.loc[overall["kind"] == "model", "rmse"])
    same(place, [0])
    number, place = line(ax, "rule")
    same(number, overall.loc[overall["kind"] == "rule", "rmse"])
    same(place, [-1, -2])
    assert [each.get_text() for each in ax.get_yticklabels()] == list(overall["model"])
    for origin in result.origins:
        rows = result.table[(result.table["origin"] == origin) & (result.table["metric"] == "rmse")]
        same(line(ax, f"from {origin}")[0], rows["number"])


def test_a_metric_that_rules_do_not_have(drawn: Draw) -> None:
    ax = drawn("backtest", metric="log_density")
    assert [each.get_text() for each in ax.get_yticklabels()] == ["BG/NBD"]
    assert "rule" not in [each.get_text() for each in ax.get_legend().get_texts()]
