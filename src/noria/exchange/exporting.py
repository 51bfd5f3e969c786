"""Giving runs back in MLflow's own form: one walk through the store, and the place they go to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from noria.exchange.leaving import Leaving
from noria.exchange.report import Report
from noria.exchange.source import Skips

if TYPE_CHECKING:
    from noria.exchange.leaving import LeavingModel, LeavingRun
    from noria.runs.experiments import Experiment
    from noria.store.database import Database

__all__ = ["Destination", "export"]


class Destination(Protocol):
    """A place that runs go to.

    Attributes
    ----------
    identity : str
        Which place.
    skips : Skips
        What it could not take.
    """

    identity: str
    skips: Skips

    def begin(self, experiment: Experiment) -> bool:
        """Take an experiment, without its runs; gives whether it was there already."""

    def add_run(self, experiment: Experiment, run: LeavingRun) -> bool:
        """Take a run; gives whether it was there already, whole."""

    def add_model(self, experiment: Experiment, model: LeavingModel) -> bool:
        """Take a logged model, after the runs of its experiment; gives whether it was there already."""

    def end(self, experiment: Experiment) -> None:
        """Put an experiment away when it is deleted here."""

    def close(self) -> None:
        """Let go of it."""


def export(
    database: Database,
    destination: Destination,
    *,
    only: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Bring experiments with all they hold to another place.

    Parameters
    ----------
    database : Database
        From where.
    destination : Destination
        Where to.
    only : sequence of str
        Names of experiments; all when empty.
    tell : callable
        Called with a line about how far it is.

    Raises
    ------
    ExperimentNotFound
        There is none of a name.
    """
    leaving = Leaving(database)
    report = Report("noria", destination.identity)
    for experiment in leaving.chosen(only):
        _count(report, destination.begin(experiment), experiments=1)
        for run in leaving.runs(experiment):
            _count(
                report,
                destination.add_run(experiment, run),
                runs=1,
                params=len(run.params),
                tags=len(run.tags),
                points=sum(len(points) for points in run.points.values()),
                inputs=len(run.datasets) + len(run.models),
                files=len(run.files),
            )
            report.file_bytes += sum(file.size for file in run.files)
            tell(f"{experiment.name}: {report['runs'].found:,} runs, {report['points'].found:,} points")
        for model in leaving.models(experiment):
            there = destination.add_model(experiment, model)
            _count(report, there, files=len(model.files))
            _count(report, there, **{"logged models": 1})
        destination.end(experiment)
    report.skip(destination.skips.found)
    return report


def _count(report: Report, there: bool, **counts: int) -> None:
    for kind, count in counts.items():
        tally = report[kind]
        tally.found += count
        if there:
            tally.known += count
        else:
            tally.new += count
