"""Which layout a file has; what is said of files that have none; every layout's declaration."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.exports.detection import columns_of, layout_of
from clvmodels.exports.layouts import LAYOUTS
from tests.exports.files import (
    ANALYTICS,
    ANALYTICS_BROWSER,
    SHOPIFY,
    STRIPE,
    STRIPE_OLD,
    UCI,
    WOOCOMMERCE,
    shopify_order,
    write,
)

PUBLISHED = [
    ("shopify", SHOPIFY),
    ("stripe", STRIPE),
    ("stripe", STRIPE_OLD),
    ("woocommerce-analytics", ANALYTICS),
    ("woocommerce-analytics", ANALYTICS_BROWSER),
    ("woocommerce", WOOCOMMERCE),
    ("line-items", UCI),
]


@pytest.mark.parametrize(("name", "header"), PUBLISHED)
def test_published_headers_fit_one_layout(name: str, header: Sequence[str]) -> None:
    assert layout_of(header, None, what="it").name == name
    assert layout_of([each.upper().replace(" ", "_") for each in header], None, what="it")
    # Every column that is read is one of a published header.
    layout = LAYOUTS[name]
    found = columns_of(layout, header, what="it")
    assert {field.key for field in layout.required} <= set(found)
    assert set(found.values()) <= set(header)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "line-items"])
def test_no_column_is_invented(name: str) -> None:
    published = {each.casefold() for kind, header in PUBLISHED if kind == name for each in header}
    layout = LAYOUTS[name]
    fold = {each for field in layout.fields for each in field.names}
    assert {each.casefold() for each in fold} <= published


def test_the_nearest_layout_is_named_with_what_is_missing() -> None:
    header = [each for each in SHOPIFY if each not in ("Total", "Financial Status")] + ["Colour"]
    with pytest.raises(clv.MissingColumnError) as caught:
        layout_of(header, None, what="orders.csv")
    text = str(caught.value)
    assert "orders.csv is nearest to 'shopify' (Shopify orders export)" in text
    assert "lacks 'Financial Status', 'Total'." in text
    assert "besides, 'Colour'." in text
    for name, whole in PUBLISHED:
        required = {field.names[0].casefold() for field in LAYOUTS[name].required}
        dropped = next(each for each in whole if each.casefold() in required)
        with pytest.raises(clv.MissingColumnError, match=f"nearest to '{name}'"):
            layout_of([each for each in whole if each != dropped], None, what="it")


def test_two_layouts_need_a_word() -> None:
    both = [*STRIPE, "Invoice", "InvoiceDate", "Quantity", "Price"]
    with pytest.raises(
        clv.ParameterError, match=r"fits 'stripe' and 'line-items'.*layout='stripe'"
    ):
        layout_of(both, None, what="it")
    assert layout_of(both, "line-items", what="it").name == "line-items"
    with pytest.raises(clv.ParameterError, match="Did you mean 'shopify'"):
        layout_of(both, "shopfy", what="it")
    with pytest.raises(clv.MissingColumnError, match="nearest to 'shopify'"):
        layout_of(both, "shopify", what="it")


def test_columns_that_could_be_the_same() -> None:
    with pytest.raises(clv.DataError, match="'invoice_no' and 'INVOICE NO'"):
        columns_of(LAYOUTS["line-items"], ["invoice_no", "INVOICE NO"], what="it")
    exact = columns_of(LAYOUTS["line-items"], ["invoice_no", "InvoiceNo"], what="it")
    assert exact == {"order": "InvoiceNo"}


def test_a_file_of_an_unknown_layout(tmp_path: Path) -> None:
    path = write(tmp_path / "books.csv", ["Author", "Title"], [{"Author": "A", "Title": "B"}])
    with pytest.raises(clv.MissingColumnError, match=r"It has, besides, 'Author', 'Title'\."):
        clv.read_orders(path)


def test_files_of_several_layouts(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", SHOPIFY, shopify_order("#1", "a@x.com", "1"))
    write(tmp_path / "b.csv", STRIPE, [{"id": "ch_1"}])
    with pytest.raises(clv.DataError, match=r"a.csv is 'shopify', b.csv is 'stripe'"):
        clv.read_orders(tmp_path / "*.csv")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    rows = shopify_order("#1", "a@x.com", "1")
    with pytest.raises(clv.DataError, match="UTF-16"):
        clv.read_orders(write(tmp_path / "a.csv", SHOPIFY, rows, encoding="utf-16"))
    with pytest.raises(clv.EmptyLogError, match="a header and no rows"):
        clv.read_orders(write(tmp_path / "b.csv", SHOPIFY, []))
    (tmp_path / "c.csv").write_text("")
    with pytest.raises(clv.EmptyLogError, match="no header"):
        clv.read_orders(tmp_path / "c.csv")
    with pytest.raises(clv.DataError, match=r"csv, .csv.gz, .tsv"):
        clv.read_orders(write(tmp_path / "d.xlsx", SHOPIFY, rows))
    shifted = write(tmp_path / "e.csv", SHOPIFY, [*rows, *rows])
    whole = shifted.read_text(encoding="utf-8")
    shifted.write_text(whole + whole.splitlines()[1].replace("1 Main St", "1 Main St, left") + "\n")
    with pytest.raises(clv.DataError, match="more fields"):
        clv.read_orders(shifted)
    twice = write(tmp_path / "f.csv", [*SHOPIFY, "Total"], rows)
    with pytest.raises(clv.DataError, match=r"f.csv has 'Total' twice"):
        clv.read_orders(twice)
    latin = write(
        tmp_path / "g.csv", SHOPIFY, shopify_order("#1", "é@x.com", "1"), encoding="cp1252"
    )
    with pytest.raises(clv.DataError, match="UTF-8"):
        clv.read_orders(latin)
    with pytest.raises(clv.DataError, match="Found none"):
        clv.read_orders(tmp_path / "nothing.csv")
    for wrong in (None, 7, []):
        with pytest.raises(clv.DataError, match="or a path"):
            clv.read_orders(wrong)


def test_tabs_and_gzip(tmp_path: Path) -> None:
    rows = shopify_order("#1", "a@x.com", "1.00")
    plain = write(tmp_path / "a.tsv", SHOPIFY, rows, delimiter="\t")
    with gzip.open(tmp_path / "b.csv.gz", "wb") as packed:
        packed.write(plain.read_bytes())
    one, two = clv.read_orders(plain), clv.read_orders(tmp_path / "b.csv.gz")
    assert one.frame.equals(two.frame)
    assert one.frame["amount"].to_list() == [1.0]


def test_ids_keep_zeros_and_numbers_may_be_numbers(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "Invoice": [1001, 1002],
            "InvoiceDate": ["2024-01-01", "2024-01-02"],
            "Quantity": [2, 1],
            "Price": [1.5, 4.0],
            "Customer ID": ["007", "7"],
        }
    )
    orders = clv.read_orders(table)
    assert orders.frame.select("customer_id", "order_id", "amount").rows() == [
        ("007", "1001", 3.0),
        ("7", "1002", 4.0),
    ]
    holes = table.with_columns(pl.Series("Customer ID", [7.0, float("nan")]))
    holes.write_parquet(tmp_path / "lines.parquet")
    with pytest.warns(clv.DataWarning, match="no customer"):
        assert clv.read_orders(tmp_path / "lines.parquet").frame["customer_id"].to_list() == ["7"]
    with pytest.raises(clv.DataError, match="Row 2 below the header of the frame"):
        clv.read_orders(table.with_columns(Price=pl.Series([1.0, None])))
