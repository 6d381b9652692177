"""Files in the published column layouts, written by the csv module of Python."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def _columns(header: str) -> list[str]:
    return header.split(",")


# The header of Shopify's orders export, as of 2024.
SHOPIFY = _columns(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,"
    "Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,"
    "Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,"
    "Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,"
    "Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,"
    "Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
)
# Stripe's payments export: with all columns up to about 2023, and the default one since.
STRIPE_OLD = _columns(
    "id,Description,Seller Message,Created (UTC),Amount,Amount Refunded,Currency,Converted Amount,"
    "Converted Amount Refunded,Fee,Tax,Converted Currency,Mode,Status,Statement Descriptor,"
    "Customer ID,Customer Description,Customer Email,Captured,Card ID,Card Last4,Card Brand,"
    "Card Funding,Card Exp Month,Card Exp Year,Card Name,Card Address Line1,Card Address Line2,"
    "Card Address City,Card Address State,Card Address Country,Card Address Zip,"
    "Card Issue Country,Card Fingerprint,Card CVC Status,Card AVS Zip Status,"
    "Card AVS Line1 Status,Card Tokenization Method,Disputed Amount,Dispute Status,"
    "Dispute Reason,Dispute Date (UTC),Dispute Evidence Due (UTC),Invoice ID,Payment Source Type,"
    "Destination,Transfer,Interchange Costs,Merchant Service Charge,Transfer Group,"
    "PaymentIntent ID"
)
STRIPE = _columns(
    "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,"
    "Converted Amount Refunded,Converted Currency,Decline Reason,Description,Fee,"
    "Refunded date (UTC),Statement Descriptor,Status,Seller Message,Taxes On Fee,Card ID,"
    "Customer ID,Customer Description,Customer Email,Invoice ID,Transfer"
)
# The report that WooCommerce makes on the server, and the one that the browser makes.
ANALYTICS = _columns(
    "Date,Order #,N. Revenue (formatted),Status,Customer,Customer type,Product(s),Items sold,"
    "Coupon(s),Net Sales,Attribution"
)
ANALYTICS_BROWSER = _columns(
    "Date,Order #,Status,Customer,Customer type,Product(s),Items sold,Coupon(s),Net sales,Origin"
)
WOOCOMMERCE = _columns(
    "order_id,order_number,order_date,paid_date,status,shipping_total,shipping_tax_total,"
    "fee_total,fee_tax_total,tax_total,cart_discount,order_discount,discount_total,order_total,"
    "order_subtotal,order_currency,payment_method,payment_method_title,transaction_id,"
    "customer_ip_address,customer_user_agent,shipping_method,customer_id,customer_user,"
    "customer_email,billing_first_name,billing_last_name,billing_company,billing_email,"
    "billing_phone,billing_address_1,billing_address_2,billing_postcode,billing_city,"
    "billing_state,billing_country,shipping_first_name,shipping_last_name,shipping_company,"
    "shipping_phone,shipping_address_1,shipping_address_2,shipping_postcode,shipping_city,"
    "shipping_state,shipping_country,customer_note,wt_import_key,shipping_items,fee_items,"
    "tax_items,coupon_items,refund_items,order_notes,download_permissions,line_item_1"
)
UCI = _columns("Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country")

Row = dict[str, str]


def write(
    path: Path, header: Sequence[str], rows: Iterable[Row], *, encoding: str = "utf-8", **how: Any
) -> Path:
    """Write a csv file; what a row does not have is blank."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, header, restval="", **how)
        writer.writeheader()
        writer.writerows(rows)
    return path


def shopify_order(name: str, email: str, total: str, *, lines: int = 1, **fields: str) -> list[Row]:
    """Return the rows of an order: the first with all fields, the others with those of the item."""
    first = {
        "Name": name,
        "Email": email,
        "Financial Status": "paid",
        "Currency": "USD",
        "Subtotal": total,
        "Shipping": "0.00",
        "Taxes": "0.00",
        "Total": total,
        "Created at": "2024-01-05 13:00:01 -0500",
        "Refunded Amount": "0.00",
        "Payment Method": "Shopify Payments",
        "Billing Name": "Ann Example",
        "Shipping Address1": "1 Main St",
        "Source": "web",
        **_item(name, email),
        **fields,
    }
    return [first, *(_item(name, email) for _ in range(lines - 1))]


def _item(name: str, email: str) -> Row:
    return {
        "Name": name,
        "Email": email,
        "Lineitem quantity": "1",
        "Lineitem name": 'Mug, "large"',
        "Lineitem price": "10.00",
        "Vendor": "Acme",
        "Lineitem discount": "0.00",
    }
