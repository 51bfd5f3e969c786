"""Registered models as they are read: each with its labels, its aliases and the newest version of each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.registry.catalog import kept_versions, read_versions
from noria.registry.tables import model_aliases, model_tags, model_versions, registered_models

if TYPE_CHECKING:
    from datetime import datetime

    from noria.registry.version import ModelVersion

__all__ = ["RegisteredModel", "read_models"]

_AT_ONCE = 500


@dataclass(frozen=True)
class RegisteredModel:
    """A name under which versions are kept.

    Parameters
    ----------
    name : str
        Unique.
    created, updated : datetime
        UTC.
    description : str
        What people wrote about it.
    tags : mapping of str to str
        Labels.
    aliases : mapping of str to int
        Names that move from version to version.
    latest : tuple of ModelVersion
        The newest version of each stage.
    """

    name: str
    created: datetime
    updated: datetime
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    latest: tuple[ModelVersion, ...] = ()


def read_models(connection: sa.Connection, names: Sequence[str]) -> list[RegisteredModel]:
    """Read models in the order of their names; those that are not there are left out."""
    found: dict[str, RegisteredModel] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        tags: dict[str, dict[str, str]] = {}
        own = model_tags.c
        for row in connection.execute(
            sa.select(model_tags).where(own.model.in_(some), own.number == 0).order_by(own.name)
        ):
            tags.setdefault(row.model, {})[row.name] = row.value
        aliases: dict[str, dict[str, int]] = {}
        pointing = sa.select(model_aliases).where(model_aliases.c.model.in_(some)).order_by(model_aliases.c.alias)
        for row in connection.execute(pointing):
            aliases.setdefault(row.model, {})[row.alias] = row.number
        latest: dict[str, list[ModelVersion]] = {}
        for version in _latest(connection, some):
            latest.setdefault(version.model, []).append(version)
        for row in connection.execute(sa.select(registered_models).where(registered_models.c.name.in_(some))):
            found[row.name] = RegisteredModel(
                row.name,
                row.created,
                row.updated,
                row.description,
                tags.get(row.name, {}),
                aliases.get(row.name, {}),
                tuple(latest.get(row.name, ())),
            )
    return [found[name] for name in names if name in found]


def _latest(connection: sa.Connection, names: Sequence[str]) -> tuple[ModelVersion, ...]:
    own = model_versions.c
    newest = (
        sa.select(own.model, own.stage, sa.func.max(own.number).label("number"))
        .where(own.model.in_(names), own.deleted.is_(None))
        .group_by(own.model, own.stage)
        .subquery()
    )
    same = sa.and_(newest.c.model == own.model, newest.c.number == own.number)
    query = kept_versions().join(newest, same).order_by(own.model, own.number)
    return read_versions(connection, query)
