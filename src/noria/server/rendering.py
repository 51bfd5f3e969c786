"""Templates, with everything escaped and every missing name an error."""

from __future__ import annotations

import math
import shlex
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from markupsafe import Markup

from noria.plots.binned import spark
from noria.server import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2.runtime import Context

__all__ = ["render"]


def render(template: str, context: Mapping[str, object]) -> str:
    """Fill a template in.

    Parameters
    ----------
    template : str
        Its name under ``templates/``.
    context : mapping
        ``now`` (aware datetime) is needed by all that write times.
    """
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("noria.server", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["infinity"] = math.inf
    environment.filters.update(
        number=wording.number,
        address=_address,
        word=shlex.quote,
        after=wording.after,
        integer=wording.integer,
        percent=wording.percent,
        seconds=wording.seconds,
        size=wording.size,
        exact=wording.exact,
        short=wording.short,
        plain=wording.plain,
        time=_time,
        ago_html=_moment,
        drawn=_drawn,
        sparked=_sparked,
    )
    return environment


def _address(name: str) -> str:
    """Give a name as a part of an address: other clients name models and files with blanks, '#' and '?'."""
    return quote(name, safe="@/")


def _moment(moment: datetime | None, now: datetime) -> Markup:
    if moment is None:
        return Markup("–")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), wording.exact(moment), wording.ago(moment, now)
    )


@pass_context
def _time(context: Context, moment: datetime | None) -> Markup:
    now = context["now"]
    assert isinstance(now, datetime)  # noqa: S101 - render's contract
    return _moment(moment, now)


def _drawn(svg: str | None) -> Markup:
    """Let a drawing through unescaped: `noria.plots` has escaped every text in it."""
    return Markup(svg or "")  # noqa: S704 - see above; only drawings made in this process come here


def _sparked(counts: Sequence[int]) -> Markup:
    """Draw counts at the size of a word."""
    return _drawn(spark(counts).svg if counts else None)
