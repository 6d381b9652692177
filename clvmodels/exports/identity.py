"""Who placed an order: email, account, phone or name to one id, hashed with a key if asked."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, get_args

from clvmodels.errors import ParameterError
from clvmodels.exports.layout import Identity

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_identities", "key_of", "with_customers"]

_SHORTEST_KEY: Final = 16  # bytes
_DIGEST: Final = 32  # hexadecimal digits, 128 bits: no two of a billion emails collide
_PERSONAL: Final = ("email", "phone", "name")


def check_identities(
    wanted: Sequence[Identity] | None, offered: tuple[Identity, ...]
) -> tuple[Identity, ...]:
    """Return what tells customers apart, in order: what is wanted, else what the layout has."""
    if wanted is None:
        return offered
    found = tuple(wanted)
    if isinstance(wanted, str) or not found or any(each not in offered for each in found):
        raise ParameterError(
            "`identify_by` names what tells customers apart, the first that is there.",
            place=f"Got {wanted!r}; this layout has {', '.join(map(repr, offered))} "
            f"(of {', '.join(map(repr, get_args(Identity)))}).",
            fix="Name one or more of those, in a list.",
        )
    return found


def key_of(hash_emails: bool | str | bytes) -> bytes | None:
    """Return the key of the hash: the one given, a random one for True, None for False.

    Raises
    ------
    ParameterError
        The key is so short that it can be found by trying.
    """
    if hash_emails is False:
        return None
    if hash_emails is True:
        return secrets.token_bytes(32)
    key = hash_emails.encode() if isinstance(hash_emails, str) else bytes(hash_emails)
    if len(key) < _SHORTEST_KEY:
        raise ParameterError(
            f"The key in `hash_emails` has at least {_SHORTEST_KEY} bytes, else it can be found by "
            "trying.",
            place=f"It has {len(key)}.",
            fix="Make one with secrets.token_hex(32), keep it away from the data, and use it in "
            "every run; or pass hash_emails=True for a key that nobody keeps.",
        )
    return key


def with_customers(
    entries: pl.DataFrame, order: tuple[Identity, ...], key: bytes | None
) -> pl.DataFrame:
    """Return entries with `customer_id` in place of the columns of identities.

    The first identity of `order` that an entry has, null where there is none. An order without an
    email has that of its account, if the account's other orders have a single one.
    """
    import polars as pl

    kinds = [kind for kind in order if kind in entries.columns]
    people = entries.select(_NORMAL[kind](pl.col(kind)).alias(kind) for kind in kinds)
    if kinds[:2] == ["email", "account"]:
        people = people.with_columns(_emails_of_accounts(people))
    tagged = [
        pl.when(pl.col(kind).is_not_null()).then(_tagged(pl.col(kind), kind)) for kind in kinds
    ]
    personal = [each for each in get_args(Identity) if each in entries.columns]
    ids = people.select(
        pl.coalesce(tagged).alias("customer_id")
        if tagged
        else pl.lit(None, pl.String).alias("customer_id")
    )
    return entries.drop(personal).hstack([_shown(ids.to_series(), key)])


def _emails_of_accounts(people: pl.DataFrame) -> pl.Series:
    """Return emails; an order without has that of its account, if its orders have a single one."""
    import polars as pl

    known = people.drop_nulls(["email", "account"]).group_by("account").agg("email")
    only = known.filter(pl.col("email").list.n_unique() == 1)
    table = only.select("account", pl.col("email").list.first().alias("_other"))
    joined = people.join(table, on="account", how="left", maintain_order="left")
    return joined.select(pl.coalesce("email", "_other").alias("email")).to_series()


def _tagged(value: pl.Expr, kind: Identity) -> pl.Expr:
    """Put before an id what it is; an account that is an email is one."""
    import polars as pl

    if kind != "account":
        return pl.lit(f"{kind}:") + value
    email = _email(value)
    return (
        pl.when(email.is_not_null())
        .then(pl.lit("email:") + email)
        .otherwise(pl.lit("account:") + value)
    )


def _shown(tagged: pl.Series, key: bytes | None) -> pl.Series:
    """Return ids as the result has them: hashed, or plain, phones with their kind before them."""
    import polars as pl

    distinct = tagged.drop_nulls().unique()
    if key is None:
        shown = distinct.str.replace(r"^(email|account|name):", "")
    else:
        # Once per distinct person, never per row.
        shown = pl.Series([_hashed(each, key) for each in distinct], dtype=pl.String)
    return tagged.replace_strict(distinct, shown, default=None, return_dtype=pl.String)


def _hashed(tagged: str, key: bytes) -> str:
    if not tagged.startswith(_PERSONAL):
        return tagged.removeprefix("account:")
    return hmac.digest(key, tagged.encode(), "sha256").hex()[:_DIGEST]


# --- one spelling -----------------------------------------------------------------------------


def _email(text: pl.Expr) -> pl.Expr:
    """Return emails in small letters without blanks; what has no @ inside is none."""
    import polars as pl

    plain = text.str.replace_all(r"\s+", "").str.to_lowercase()
    return pl.when(plain.str.contains(r"^[^@]+@[^@]+$")).then(plain)


def _phone(text: pl.Expr) -> pl.Expr:
    """Return phones as digits, with + for an international prefix; fewer than six are none."""
    import polars as pl

    plain = text.str.replace_all(r"[^0-9+]", "").str.replace(r"^00", "+")
    return pl.when(plain.str.contains(r"^\+?\d{6,}$")).then(plain)


def _account(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars()


def _name(text: pl.Expr) -> pl.Expr:
    """Return names in small letters with single blanks."""
    import polars as pl

    plain = text.str.replace_all(r"\s+", " ").str.strip_chars().str.to_lowercase()
    return pl.when(plain != "").then(plain)


_NORMAL: Final = {"email": _email, "phone": _phone, "account": _account, "name": _name}
