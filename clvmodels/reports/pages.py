"""From sections to one page of HTML: template, style and script inside, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from clvmodels.errors import MissingExtraError
from clvmodels.markup import Html, escape, shorten
from clvmodels.reports.blocks import Block, Section
from clvmodels.reports.tables import plain

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["render", "require_extra"]

_FOLDER: Final = "page"
_LONGEST: Final = 2000  # characters of a text


def require_extra() -> None:
    """Raise unless what a report needs is installed.

    Raises
    ------
    MissingExtraError
        The extra `report` is not.
    """
    for package in ("jinja2", "matplotlib"):
        if find_spec(package) is None:
            raise MissingExtraError(
                "A report needs jinja2 and matplotlib.",
                place=f"{package} is not installed.",
                fix="Run pip install 'clvmodels[report]'.",
            )


def render(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Return the page.

    Parameters
    ----------
    title, subtitle
        Texts, which may be of anybody.
    sections
        In the order of the page; the first is the summary.
    """
    script, style = _asset("report.js"), _asset("report.css")
    return _template().render(
        title=plain(title, 120),
        name=title[:120],
        subtitle=plain(subtitle, 200),
        sections=sections,
        script=Html(script),
        style=Html(style),
        policy=_policy(script),
    )


def _policy(script: str) -> str:
    """Return what the page may do: this script and no other, and nothing from the network."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return files("clvmodels.reports").joinpath(_FOLDER, name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import DictLoader, Environment, StrictUndefined

    loader = DictLoader({name: _asset(name) for name in ("report.html.j2", "blocks.html.j2")})
    environment = Environment(
        autoescape=True,
        loader=loader,
        lstrip_blocks=True,
        trim_blocks=True,
        finalize=_harmless,
        undefined=StrictUndefined,
    )
    environment.tests["of_kind"] = _is_of_kind
    return environment.get_template("report.html.j2")


def _harmless(value: object) -> object:
    """Return texts so that neither their characters nor their length can do anything."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return escape(shorten(value, _LONGEST))
    return value


def _is_of_kind(block: Block | Any, kind: str) -> bool:
    return type(block).__name__ == kind
