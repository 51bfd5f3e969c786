"""What may be the key of a metric, param or tag, how long values may be, and what a nameless run is called."""

from __future__ import annotations

import posixpath
import re
import secrets
from functools import lru_cache

from noria.server.mlflow.forms import wrong

__all__ = ["checked_key", "cut", "experiment_number", "readable_name"]

MAX_KEY = 250
MAX_PARAM = 6_000
MAX_TAG = 8_000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG = 20_000

_KEY = re.compile(r"[/\w.\- :]+")
_NUMBER = re.compile(r"[0-9]{1,10}")


@lru_cache(maxsize=4096)
def checked_key(key: str, where: str = "key") -> str:
    """Give a key back when it may be one.

    It may hold letters, digits, and ``/ _ . - :`` and spaces, and must read as a path that needs no tidying up: clients
    make file names of keys.

    Raises
    ------
    WrongArgument
        It may not.

    Examples
    --------
    >>> checked_key("val/loss")
    'val/loss'
    """
    if len(key) > MAX_KEY:
        wrong(where, key, f"it has {len(key)} characters, and the most is {MAX_KEY}")
    if not _KEY.fullmatch(key):
        wrong(where, key, "a key may hold letters, digits, and / _ . - : and spaces")
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        wrong(where, key, "a key must read as a path that needs no tidying up: no '..', no leading or double '/'")
    return key


def cut(value: str, most: int) -> str:
    """Shorten a long text, as clients rely on: autologging sends whatever it finds.

    Examples
    --------
    >>> cut("abcdef", 4)
    'abcd'
    """
    return value[:most]


def experiment_number(experiment_id: str) -> int:
    """Give the number that an experiment's id is; -1, which no experiment has, for what is no number.

    Examples
    --------
    >>> experiment_number("12"), experiment_number("abc")
    (12, -1)
    """
    return int(experiment_id) if _NUMBER.fullmatch(experiment_id) else -1


def readable_name() -> str:
    """Make up a name for a run that was given none."""
    return f"{secrets.choice(_HOW)}-{secrets.choice(_WHAT)}-{secrets.randbelow(1000)}"


_HOW_WORDS = """
amber bold bright brisk calm clear cool crisp deep eager early fair fast fleet fresh gentle glad golden green hardy
high keen kind late level light lively lucid mellow mild misty neat noble northern open pale patient plain polished
proud quick quiet rapid ready ripe rising round rustic sandy serene sharp shiny silent silver sleek smooth snowy
soft solid steady still stony sturdy subtle sunny swift tidal tidy tranquil upper vivid warm western whole wide
willing windy wise young
"""
_WHAT_WORDS = """
aqueduct basin bay beck bend brook bucket canal cascade channel creek current dam delta dew dike eddy estuary ferry
fjord flood floe flume ford fountain gorge gulf gully harbour heron ice inlet island jetty kingfisher lagoon lake
lock marsh meadow mere mill mist mouth oar oasis otter paddle pier pond pool quay rain rapids reed reef reservoir
ripple river salmon shoal shore sluice spring stream swan tide torrent trout vale valley wave weir well wharf wheel
willow
"""
_HOW, _WHAT = _HOW_WORDS.split(), _WHAT_WORDS.split()
