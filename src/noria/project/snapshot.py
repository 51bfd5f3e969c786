"""Effective settings kept as JSON, and read back without pydantic.

A `noria run` with nothing to do must not spend a quarter of a second on importing the types that checked the same file
yesterday. The snapshot keeps the values and which of them are records (attributes) or tables (keys); what it cannot
show, such as a method of a settings class, makes it build the real thing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from noria.project.settings import Settings

__all__ = ["View", "freeze", "thaw"]

# How a value is written: a record {"r": {field: value}}, a table {"t": {key: value}}, a tuple {"u": [...]}; lists and
# scalars as they are; {"x": 0} for what JSON does not know, which the real settings must give.


def freeze(settings: BaseModel) -> dict[str, object]:
    """Write settings as JSON that `thaw` reads.

    Parameters
    ----------
    settings : pydantic model
        Validated settings.
    """
    return {"r": {name: _freeze(getattr(settings, name)) for name in type(settings).model_fields}} | _extra(settings)


def thaw(frozen: object, real: Callable[[], Settings]) -> View:
    """Read settings back.

    Parameters
    ----------
    frozen : JSON
        What `freeze` wrote.
    real : callable
        Gives the validated settings, for what the snapshot does not hold.
    """
    if not isinstance(frozen, dict) or not isinstance(frozen.get("r"), dict):
        raise ValueError("not a snapshot of settings")
    return View(frozen["r"], real)


class View:
    """A record of settings: its fields are attributes, as on the settings type it stands for."""

    __slots__ = ("_fields", "_real")

    def __init__(self, fields: dict[str, object], real: Callable[[], Any]) -> None:
        self._fields = fields
        self._real = real

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        fields = self._fields
        if name in fields and not _is_unknown(fields[name]):
            return _thaw(fields[name], lambda: getattr(self._real(), name))
        return getattr(self._real(), name)

    def __eq__(self, other: object) -> bool:
        return bool(self._real() == (other._real() if isinstance(other, View) else other))

    def __hash__(self) -> int:
        return hash(self._real())

    def __repr__(self) -> str:
        return repr(self._real())


def _extra(settings: BaseModel) -> dict[str, object]:
    # [prepare] takes a key per column; pydantic keeps those apart from the declared fields.
    return (
        {"e": {name: _freeze(value) for name, value in (settings.__pydantic_extra__ or {}).items()}}
        if (settings.__pydantic_extra__)
        else {}
    )


def _freeze(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_freeze(item) for item in value]
    if isinstance(value, tuple):
        return {"u": [_freeze(item) for item in value]}
    if isinstance(value, dict):
        return {"t": {str(key): _freeze(item) for key, item in value.items()}}
    if hasattr(type(value), "model_fields"):
        return freeze(value)  # type: ignore[arg-type]  # only pydantic models carry model_fields
    return {"x": 0}


def _is_unknown(value: object) -> bool:
    if isinstance(value, dict):
        return (
            "x" in value
            or ("u" in value and any(map(_is_unknown, value["u"])))
            or ("t" in value and any(map(_is_unknown, value["t"].values())))
        )
    return isinstance(value, list) and any(map(_is_unknown, value))


def _item(real: Callable[[], Any], at: object) -> Any:  # noqa: ANN401 - a setting is whatever its type says
    return real()[at]


def _thaw(value: object, real: Callable[[], Any]) -> object:
    if isinstance(value, list):
        return [_thaw(item, partial(_item, real, i)) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "u" in value:
        return tuple(_thaw(item, partial(_item, real, i)) for i, item in enumerate(value["u"]))
    if "t" in value:
        return {key: _thaw(item, partial(_item, real, key)) for key, item in value["t"].items()}
    return View(value["r"] | value.get("e", {}), real)
