"""What the handlers of the protocol work with: the rooms, their writes sharing commits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.models import Models
from noria.runs.artifacts import Artifacts
from noria.runs.experiments import Experiments
from noria.runs.inputs import Inputs
from noria.runs.logged_models import LoggedModels
from noria.runs.recording import run_not_found
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from noria.runs.run import Run
    from noria.server.site import Site

__all__ = ["Desk"]

T = TypeVar("T")


class Desk:
    """The rooms behind the protocol.

    A handler is a function ``(desk, form) -> answer``: a plain one runs in a thread and may wait for the database, a
    coroutine runs on the event loop and must not.

    Parameters
    ----------
    site : Site
        The server.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.workspace = site.workspace
        self.commits = site.commits
        self.database = database = site.workspace.database
        self.blobs = site.workspace.blobs
        self.experiments = Experiments(database, self.commits)
        self.runs = Runs(database, self.commits)
        self.inputs = Inputs(database, self.commits)
        self.artifacts = Artifacts(database, self.commits)
        self.models = LoggedModels(database, self.commits)
        self.registry = Registry(database, self.blobs, self.commits, site.workspace.registry.approvals)
        self.registered = Models(database, self.commits)
        self.aliases = Aliases(database, self.commits)
        self._locations: dict[int, str] = {}

    async def commit(self, work: Callable[[sa.Connection], T]) -> T:
        """Do some work in the next shared transaction, without holding a thread meanwhile."""
        return await asyncio.wrap_future(self.commits.submit(work))

    def runs_within(self, connection: sa.Connection) -> Runs:
        """Give the room of runs writing inside a transaction that is open already."""
        return Runs(self.database, lambda work: work(connection))

    def inputs_within(self, connection: sa.Connection) -> Inputs:
        """Give the room of inputs writing inside a transaction that is open already."""
        return Inputs(self.database, lambda work: work(connection))

    def models_within(self, connection: sa.Connection) -> LoggedModels:
        """Give the room of logged models writing inside a transaction that is open already."""
        return LoggedModels(self.database, lambda work: work(connection))

    def run(self, run: str) -> Run:
        """Read a run by its whole id, a deleted one too.

        Raises
        ------
        RunNotFound
            There is no such run. The first digits of an id, which people may give, are no id to a client.
        """
        found = self.runs.many([run]).get(run)
        if found is None:
            raise run_not_found(run)
        return found

    def location(self, experiment_id: int) -> str:
        """Say where an experiment keeps files; empty: here. It never changes."""
        known = self._locations.get(experiment_id)
        if known is None:
            known = self._locations[experiment_id] = self.experiments.get(experiment_id).artifact_location
        return known
