"""The project and its store, opened: hands out the rooms. Attributes, no verbs."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import ProjectNotFound, WrongSetting
from noria.store.blobs import Blobs
from noria.store.database import Database
from noria.store.memory import put_aside
from noria.store.migrations import upgrade

if TYPE_CHECKING:
    from noria.datasets.catalog import Datasets
    from noria.monitoring.alerts import Alerts
    from noria.predictions.labels import Labels
    from noria.predictions.log import PredictionLog
    from noria.project.file import Project
    from noria.registry.aliases import Aliases
    from noria.registry.approvals import Approvals
    from noria.registry.catalog import Registry
    from noria.registry.verdicts import Verdicts
    from noria.runs.artifacts import Artifacts
    from noria.runs.experiments import Experiments
    from noria.runs.runs import Runs

__all__ = ["MIGRATIONS", "Workspace"]

MIGRATIONS = sorted(Path(__file__).parent.glob("*/migrations"))
"""The rooms' migration folders."""

STORE = ".noria"


class Workspace:
    """An opened project.

    Parameters
    ----------
    root : Path
        The folder that holds ``noria.toml``.

    Raises
    ------
    ProjectNotFound
        There is no noria.toml.
    NotAllowed
        The folder belongs to another user.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.store = self.root / STORE
        put_aside(self.store / "tmp")
        if not (self.root / "noria.toml").is_file():
            raise ProjectNotFound(
                f"no noria.toml in {self.root}",
                mend="noria init my-project --example credit\ncd my-project",
                code="N-PROJECT-001",
            )

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """Open the project of this folder, or of the nearest folder above."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "noria.toml").is_file():
                return cls(folder)
        return cls(here)

    @cached_property
    def project(self) -> Project:
        """The effective project file."""
        from noria.project.file import load_cached  # noqa: PLC0415 - rooms are loaded when asked for

        return load_cached(self.root)

    @cached_property
    def trusted(self) -> tuple[str, ...]:
        """Classes of the project's own that its models may hold; from here on their modules can be imported."""
        settings = self.project.settings
        classes = tuple(dict.fromkeys([*settings.model.trusted_types, *settings.prepare.trusted_types]))
        if classes:
            from noria.pipeline.own import importable  # noqa: PLC0415 - few projects have classes of their own

            importable(self.root)
        return classes

    @cached_property
    def database_url(self) -> str:
        """Where the records are: [store] database, or SQLite in ``.noria``."""
        wanted = self.project.settings.store.database
        if wanted.startswith("env:"):
            name = wanted.removeprefix("env:")
            value = os.environ.get(name, "")
            if not value:
                raise WrongSetting(
                    f"[store] database names the environment variable {name}, which is not set",
                    mend=f"export {name}=postgresql://user@host/name",
                    code="N-STORE-013",
                )
            return value
        return f"sqlite:///{self.store / 'noria.db'}" if wanted == "sqlite" else wanted

    @cached_property
    def database(self) -> Database:
        """The records, with every room's tables up to date."""
        opened = Database(self.database_url)
        upgrade(opened, MIGRATIONS)
        return opened

    @cached_property
    def blobs(self) -> Blobs:
        """The bytes."""
        return Blobs(self.store / "objects")

    @cached_property
    def runs(self) -> Runs:
        """What was run, with which parameters and results."""
        from noria.runs.runs import Runs  # noqa: PLC0415 - as above

        return Runs(self.database)

    @cached_property
    def experiments(self) -> Experiments:
        """Which runs belong together."""
        from noria.runs.experiments import Experiments  # noqa: PLC0415 - as above

        return Experiments(self.database)

    @cached_property
    def artifacts(self) -> Artifacts:
        """The files that runs left."""
        from noria.runs.artifacts import Artifacts  # noqa: PLC0415 - as above

        return Artifacts(self.database)

    @cached_property
    def datasets(self) -> Datasets:
        """Versions of the data."""
        from noria.datasets.catalog import Datasets  # noqa: PLC0415 - as above

        return Datasets(self.database, self.blobs, self.root)

    @cached_property
    def registry(self) -> Registry:
        """Versions of the models."""
        from noria.registry.catalog import Registry  # noqa: PLC0415 - as above

        # Asked at each promotion: a server that goes on reads noria.toml anew.
        return Registry(self.database, self.blobs, approvals=lambda: self.project.settings.deploy.approvals)

    @cached_property
    def aliases(self) -> Aliases:
        """Which version is the champion, and its history."""
        from noria.registry.aliases import Aliases  # noqa: PLC0415 - as above

        return Aliases(self.database)

    @cached_property
    def approvals(self) -> Approvals:
        """What waits for somebody to agree."""
        from noria.registry.approvals import Approvals  # noqa: PLC0415 - as above

        return Approvals(self.registry)

    @cached_property
    def verdicts(self) -> Verdicts:
        """What the gates said."""
        from noria.registry.verdicts import Verdicts  # noqa: PLC0415 - as above

        return Verdicts(self.database)

    @cached_property
    def predictions(self) -> PredictionLog:
        """What was answered."""
        from noria.predictions.log import PredictionLog  # noqa: PLC0415 - as above

        return PredictionLog(self.store / "predictions")

    @cached_property
    def labels(self) -> Labels:
        """What turned out true."""
        from noria.predictions.labels import Labels  # noqa: PLC0415 - as above

        return Labels(self.database)

    @cached_property
    def alerts(self) -> Alerts:
        """What needs somebody."""
        from noria.monitoring.alerts import Alerts  # noqa: PLC0415 - as above

        return Alerts(self.database)

    def close(self) -> None:
        """Give the database's connections back."""
        if "database" in self.__dict__:
            self.database.close()
