"""``noria.open()``: a project in Python, with everything the command line and the pages show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from noria.notebook.listing import Listing
from noria.notebook.markup import heading, pairs, text
from noria.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from noria.monitoring.alerts import Alert
    from noria.notebook.dataset import ShownDataset
    from noria.notebook.model import ShownModel, ShownVersion
    from noria.notebook.run import ShownResult, ShownRun
    from noria.pipeline.event import Event
    from noria.pipeline.planning import PlannedStep

__all__ = ["Project", "open"]


class Project:
    """A project, opened.

    Parameters
    ----------
    workspace : Workspace
        Its rooms, for whatever is not offered here.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @property
    def name(self) -> str:
        """What the project is called; also the name of its model and its dataset."""
        return self.workspace.project.name

    @property
    def root(self) -> Path:
        """The folder that holds noria.toml."""
        return self.workspace.root

    @property
    def runs(self) -> Listing[ShownRun]:
        """The newest runs; ``project.runs["3f2a"]`` finds one by the beginning of its id."""
        from noria.notebook.run import run_listing  # noqa: PLC0415 - loaded when asked for

        return run_listing(self.workspace)

    @property
    def models(self) -> Listing[ShownModel]:
        """The models; ``project.models["credit-risk"]["champion"]`` is a version."""
        from noria.notebook.model import model_listing  # noqa: PLC0415 - loaded when asked for

        return model_listing(self.workspace)

    @property
    def datasets(self) -> Listing[ShownDataset]:
        """The datasets; ``project.datasets["credit-risk"].frame()`` gives the newest rows."""
        from noria.notebook.dataset import dataset_listing  # noqa: PLC0415 - loaded when asked for

        return dataset_listing(self.workspace)

    @property
    def alerts(self) -> Listing[Alert]:
        """The alerts, newest first."""
        columns = {
            "alert": lambda alert: alert.id,
            "state": lambda alert: alert.state,
            "kind": lambda alert: alert.kind,
            "version": lambda alert: alert.version,
            "opened": lambda alert: alert.opened,
            "what": lambda alert: alert.text,
        }
        found = self.workspace.alerts.list()
        return Listing("Alerts", found, columns, lambda number: self.workspace.alerts.get(int(number)))

    @property
    def champion(self) -> ShownVersion | None:
        """The version in production, if there is one."""
        from noria.notebook.model import ShownVersion  # noqa: PLC0415 - loaded when asked for

        number = self.workspace.aliases.current(self.name)
        if number is None:
            return None
        return ShownVersion(self.workspace.registry.get(self.name, number), self.workspace)

    def put(self, frame: object, name: str | None = None, *, note: str = "") -> ShownDataset:
        """Keep a frame of this notebook as a version of a dataset.

        Parameters
        ----------
        frame : object
            A pandas or polars DataFrame, a pyarrow.Table, anything else that speaks the Arrow stream protocol, a dict
            of columns or a list of dicts. The index of a pandas frame is left out.
        name : str, optional
            Of the dataset; the project's own when left out. ``noria run`` still reads what ``[data] source`` says.
        note : str
            For people: what it is.

        Returns
        -------
        ShownDataset
            The new version, or the newest one where its rows are the same.

        Raises
        ------
        WrongData
            It is no frame, has no rows, or holds what no table can.
        WrongArgument
            The name cannot be that of a dataset.
        """
        from noria.datasets.frames import frame_rows  # noqa: PLC0415 - loaded when asked for
        from noria.datasets.schema import infer  # noqa: PLC0415 - as above
        from noria.notebook.dataset import ShownDataset  # noqa: PLC0415 - as above
        from noria.security.names import checked_name  # noqa: PLC0415 - as above

        data = self.workspace.project.settings.data
        rows = frame_rows(frame, na_values=self.workspace.project.settings.clean.na_values)
        schema = infer(rows, data) if name in (None, self.name) else infer(rows)
        version = self.workspace.datasets.commit(
            checked_name("dataset", name or self.name), rows, source="python", note=note, schema=schema
        )
        return ShownDataset(version, self.workspace)

    def plan(self) -> Listing[PlannedStep]:
        """Say what a run would do, and why, without doing it."""
        from noria.steps.turn import Turn  # noqa: PLC0415 - loaded when asked for

        _, planned = Turn(
            self.workspace.project, self.workspace.database, self.workspace.blobs, store=self.workspace.store
        ).plan()
        steps = tuple(planned)
        columns = {
            "step": _name,
            "state": lambda step: step.state,
            "why": lambda step: "; ".join(step.reasons),
        }
        return Listing("Plan", steps, columns, lambda name: next(step for step in steps if _name(step) == name))

    def run(
        self,
        *,
        force: Collection[str] = (),
        jobs: int | None = None,
        on_event: Callable[[Event], None] = lambda _event: None,
    ) -> ShownResult:
        """Turn the wheel once: from data to a judged, registered version.

        Parameters
        ----------
        force : collection of str
            Steps to run even if nothing changed.
        jobs : int, optional
            Steps at a time; the number of processors when left out.
        on_event : callable
            Told what happens, step by step.

        Raises
        ------
        NoriaError
            A step failed. Failed gates are no error: see ``gates_passed``.
        """
        from noria.notebook.run import ShownResult  # noqa: PLC0415 - loaded when asked for
        from noria.steps.turn import Turn  # noqa: PLC0415 - loaded when asked for

        # Read anew: the file may have been edited since the notebook was opened.
        self.workspace.__dict__.pop("project", None)
        turn = Turn(
            self.workspace.project, self.workspace.database, self.workspace.blobs, store=self.workspace.store, jobs=jobs
        )
        result = turn.run(trigger="python", force=force, on_event=on_event)
        if result.error is not None:
            raise result.error
        return ShownResult(result)

    def find_runs(
        self,
        where: str = "",
        *,
        order: str = "",
        experiment: int | None = None,
        deleted: bool = False,
        limit: int = 200,
    ) -> Listing[ShownRun]:
        """Find runs among all there are.

        Parameters
        ----------
        where : str
            A filter, as on the page of runs: ``auc > .8 and model = svm``.
        order : str
            Such as ``metrics.auc DESC``; the newest first when left out.
        experiment : int, optional
            Only runs of the experiment of this number.
        deleted : bool
            The runs in the bin instead.
        limit : int
            At most so many.

        Raises
        ------
        WrongArgument
            The filter or the order cannot be read.
        """
        from noria.notebook.run import run_listing  # noqa: PLC0415 - loaded when asked for

        return run_listing(
            self.workspace, where=where, order=order, experiment=experiment, deleted=deleted, limit=limit
        )

    def close(self) -> None:
        """Give the database's connections back."""
        self.workspace.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"noria project {self.name} in {self.root}"

    def _repr_html_(self) -> str:
        champion = self.champion
        latest = self.workspace.runs.list(1)
        facts: dict[str, object] = {
            "folder": str(self.root),
            "champion": repr(champion) if champion is not None else "none yet",
            "last run": f"{latest[0].status}, {text(latest[0].started)}" if latest else "none yet: project.run()",
            "open alerts": len(self.workspace.alerts.open()),
        }
        return heading(f"Project {self.name}") + pairs(facts)


def open(path: str | Path | None = None) -> Project:
    """Open a project.

    Parameters
    ----------
    path : str or Path, optional
        Its folder, or one inside it; the present folder when left out.

    Raises
    ------
    ProjectNotFound
        There is no noria.toml there or above.
    """
    workspace = Workspace.find(Path(path) if path is not None else None)
    _ = workspace.project  # a file that is wrong is told here, with its line
    return Project(workspace)


def _name(planned: PlannedStep) -> str:
    step = planned.step
    return step if isinstance(step, str) else step.name
