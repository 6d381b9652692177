"""Every known layout, one line each. A new one is a file beside these and a line here."""

from __future__ import annotations

from typing import Final

from clvmodels.exports.layout import Layout
from clvmodels.exports.layouts.line_items import LINE_ITEMS
from clvmodels.exports.layouts.shopify import SHOPIFY
from clvmodels.exports.layouts.stripe import STRIPE
from clvmodels.exports.layouts.woocommerce import WOOCOMMERCE
from clvmodels.exports.layouts.woocommerce_analytics import WOOCOMMERCE_ANALYTICS

__all__ = ["LAYOUTS"]

LAYOUTS: Final[dict[str, Layout]] = {
    layout.name: layout
    for layout in (SHOPIFY, WOOCOMMERCE_ANALYTICS, WOOCOMMERCE, STRIPE, LINE_ITEMS)
}
