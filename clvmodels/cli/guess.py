"""Tell the columns of a log from their names, or say which option names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from clvmodels.errors import ClvError, DataError, MissingColumnError, first_few

__all__ = ["Amount", "amount_label", "guess_amount", "guess_column", "read_amount"]

Amount: TypeAlias = str | tuple[str, str] | None
Role: TypeAlias = Literal["customer", "date"]

# Names in lower case, letters and digits only. A later group counts where an earlier one has
# nothing: an e-mail address identifies a customer only where there is no customer id.
_NAMES: Final[dict[Role, tuple[str, ...]]] = {
    "customer": (
        "customerid customer custid cust customerno customernumber customernr customerkey "
        "customercode customeruniqueid clientid client buyerid shopperid consumerid purchaserid",
        "userid user memberid member accountid account householdid householdkey visitorid "
        "subscriberid guestid loyaltyid",
        "email emailaddress customeremail useremail clientemail buyeremail billingemail",
    ),
    "date": (
        "date orderdate invoicedate purchasedate transactiondate saledate salesdate paymentdate "
        "orderedat purchasedat orderdatetime invoicedatetime transactiondatetime purchasedatetime "
        "ordertimestamp purchasetimestamp transactiontimestamp orderpurchasetimestamp ordertime "
        "purchasetime transactiontime orderday dateoforder dateofpurchase txndate transdate",
        "createdat createddate createdon datetime timestamp eventdate eventtime eventtimestamp "
        "processedat paidat time day ts",
    ),
}
_TOTALS: Final = (
    "amount amt totalamount orderamount purchaseamount transactionamount invoiceamount "
    "paymentamount amountpaid amountspent netamount grossamount lineamount revenue "
    "totalrevenue orderrevenue netrevenue grossrevenue sales salesamount totalsales netsales "
    "grosssales total ordertotal totalprice linetotal invoicetotal grandtotal subtotal value "
    "ordervalue transactionvalue purchasevalue paymentvalue totalvalue spend spent turnover "
    "gmv payment paid totalpaid extendedprice"
)
_QUANTITIES: Final = "quantity qty units unitssold orderquantity itemquantity"
_PRICES: Final = "price unitprice itemprice priceperunit priceeach saleprice"
_OPTIONS: Final = {
    "customer": "--customer NAME",
    "date": "--date NAME",
    "amount": "--amount NAME, --amount 'QUANTITY*PRICE' for a product, or --amount none to count "
    "purchases only",
}


def guess_column(role: Role, columns: Iterable[str]) -> str:
    """Return the one column that plays a role.

    Raises
    ------
    MissingColumnError
        No name looks like it.
    DataError
        Several do.

    Examples
    --------
    >>> guess_column("customer", ["Invoice", "Customer ID", "Email"])
    'Customer ID'
    """
    known = list(columns)
    for group in _NAMES[role]:
        found = _named(group, known)
        if len(found) > 1:
            raise _several(role, found)
        if found:
            return found[0]
    raise _nothing_like(role, known)


def guess_amount(columns: Iterable[str]) -> Amount:
    """Return the column, or the quantity and price, that make the value of a row.

    None if `columns`, which are those that play no other role, is empty: then there is no amount.

    Raises
    ------
    MissingColumnError
        No name looks like an amount.
    DataError
        Several do.

    Examples
    --------
    >>> guess_amount(["Quantity", "Price", "Country"])
    ('Quantity', 'Price')
    """
    known = list(columns)
    if not known:
        return None
    quantities, prices = _named(_QUANTITIES, known), _named(_PRICES, known)
    found: list[Amount] = list(_named(_TOTALS, known))
    found += [(quantity, price) for quantity in quantities for price in prices]
    if not found and not quantities:
        found += _named("price saleprice", prices)
    if not found:
        raise _nothing_like("amount", known)
    if len(found) > 1:
        raise _several("amount", map(amount_label, found))
    return found[0]


def read_amount(text: str, columns: Iterable[str]) -> Amount:
    """Return what ``--amount`` names: a column, 'QUANTITY*PRICE', or 'none'.

    Examples
    --------
    >>> read_amount("Quantity * Price", ["Quantity", "Price"])
    ('Quantity', 'Price')
    >>> read_amount("2*3", ["2*3", "2", "3"])
    '2*3'
    """
    if text in list(columns):
        return text
    if text.strip().casefold() == "none":
        return None
    parts = [part.strip() for part in text.split("*")]
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else text


def amount_label(amount: Amount) -> str:
    """Return an amount as ``--amount`` takes it."""
    if amount is None:
        return "none"
    return amount if isinstance(amount, str) else "*".join(amount)


def _named(names: str, columns: list[str]) -> list[str]:
    """Return the columns that have one of the names, whatever their case, spaces and dashes."""
    plain = names.split()
    return [
        column
        for column in columns
        if "".join(letter for letter in column.casefold() if letter.isalnum()) in plain
    ]


def _nothing_like(role: str, known: list[str]) -> ClvError:
    return MissingColumnError(
        f"No column name looks like the {role}.",
        place=f"The columns are {first_few([repr(name) for name in known], limit=30)}.",
        fix=f"Pass {_OPTIONS[role]}.",
    )


def _several(role: str, found: Iterable[str]) -> ClvError:
    return DataError(
        f"Several columns could be the {role}.",
        place=f"Candidates are {', '.join(map(repr, found))}.",
        fix=f"Pass {_OPTIONS[role]}.",
    )
