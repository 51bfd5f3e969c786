"""Taking over a source: experiments, runs, histories, files, models; again and again, without doubling anything.

What a run holds is written first and the ledger last, in a transaction after all of it. So an import that is cut off
anywhere goes on with the run it was at, and one that is begun again reads only what has changed at the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from noria.errors import ExperimentNotFound, did_you_mean
from noria.exchange.keeping import Keeping
from noria.exchange.ledger import Held, Ledger
from noria.exchange.registering import Registering
from noria.exchange.report import Report
from noria.exchange.source import ForeignModel, ForeignRun
from noria.runs.adoption import (
    AdoptedModel,
    AdoptedRun,
    ModelMetric,
    adopt_experiment,
    adopt_inputs,
    adopt_model,
    adopt_points,
    adopt_runs,
)
from noria.runs.tables import runs as runs_table

if TYPE_CHECKING:
    from noria.exchange.source import ForeignExperiment, Source
    from noria.runs.experiments import Experiment
    from noria.runs.run import Status
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Choice", "Import"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[A-Za-z0-9][\w\-]{0,255}", re.ASCII)
_TOGETHER = timedelta(seconds=2)
_STATUS: dict[str, Status] = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}


@dataclass(frozen=True)
class Choice:
    """What is to be taken over.

    Parameters
    ----------
    only : sequence of str
        Names of experiments; all when empty.
    prefix : str
        Put before the names of experiments and registered models.
    files : bool
        Take the artifacts along.
    models : bool
        Take logged and registered models along.
    dry : bool
        Only count.
    """

    only: Sequence[str] = ()
    prefix: str = ""
    files: bool = True
    models: bool = True
    dry: bool = False


class Import:
    """One import of one source.

    Parameters
    ----------
    source : Source
        From where.
    database, blobs
        Where to.
    choice : Choice
        What of it.
    tell : callable
        Called with a line about how far it is.
    """

    def __init__(
        self,
        source: Source,
        database: Database,
        blobs: Blobs,
        choice: Choice | None = None,
        *,
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.source = source
        self.database = database
        self.choice = choice or Choice()
        self._tell = tell
        self._ledger = Ledger(database, source.identity)
        self._seen: list[str] = []
        self.report = Report(source.identity, "noria", dry=self.choice.dry)
        self._files = Keeping(source, database, blobs, self.report)
        self._registering = Registering(database, blobs, self.report, source.skips)

    def run(self) -> Report:
        """Take it over; gives the report.

        Raises
        ------
        ExperimentNotFound
            The source has no experiment of a name that was asked for.
        """
        for experiment in self._chosen():
            self._take_experiment(experiment)
        if self.choice.models and not self.choice.only:
            self._take_registered()
        if not self.choice.dry:
            for owner, what, there, here in self._ledger.lacking(self._seen):
                self.report.differs(f"{owner}: {there:,} {what} at the source, {here:,} here")
            self._settle()
        self.report.skip(self.source.skips.found)
        return self.report

    def _chosen(self) -> list[ForeignExperiment]:
        found = list(self.source.experiments())
        names = {experiment.name for experiment in found}
        for name in self.choice.only:
            if name not in names:
                raise ExperimentNotFound(
                    f"the source has no experiment {name!r}",
                    why=did_you_mean(name, names) or f"it has {', '.join(sorted(names)[:10])}",
                    mend="write the name as the source has it",
                    code="N-EXCHANGE-020",
                )
        return [experiment for experiment in found if not self.choice.only or experiment.name in self.choice.only]

    def _take_experiment(self, foreign: ForeignExperiment) -> None:
        name = self.choice.prefix + foreign.name
        tally = self.report["experiments"]
        tally.found += 1
        if not foreign.name.strip() or not _is_text(name):
            self.source.skips.add("an experiment has no name that can be kept", foreign.key)
            return
        target: Experiment | None = None
        if not self.choice.dry:
            created = _moment(foreign.created_ms) or datetime.now(UTC)
            updated = _moment(foreign.updated_ms) or created
            tags = self._sound(foreign.tags, f"experiment {name}")

            def adopt(connection: sa.Connection) -> tuple[Experiment, bool]:
                deleted = updated if foreign.deleted else None
                return adopt_experiment(connection, name, created=created, updated=updated, deleted=deleted, tags=tags)

            target, there = self.database.write(adopt)
            if there:
                tally.known += 1
            else:
                tally.new += 1
            if there and target.deleted is not None and not foreign.deleted:
                self.source.skips.add(
                    "an experiment of this name is deleted here: restore it, or import with --prefix", name
                )
                return
        for batch in self.source.runs(foreign.key):
            self._take_batch(foreign, target, [run for run in batch if self._is_sound(run)])
            self._tell(f"{name}: {self.report['runs'].found:,} runs, {self.report['points'].found:,} points")
        if self.choice.models:
            for model in self.source.models(foreign.key):
                self._take_model(model, target)

    def _is_sound(self, run: ForeignRun) -> bool:
        if _ID.fullmatch(run.id) is None:
            self.source.skips.add("a run has an id that cannot be kept", ascii(run.id[:80]))
            return False
        if not _is_text(run.name + run.user_id):
            self.source.skips.add("a run has a name that cannot be kept", run.id)
            return False
        return True

    def _take_batch(self, foreign: ForeignExperiment, target: Experiment | None, batch: Sequence[ForeignRun]) -> None:
        ids = [run.id for run in batch]
        known = self._ledger.known(ids)
        changed = [run for run in batch if run.id not in known or known[run.id].mark != run.mark]
        self._count_batch(batch, changed, known)
        if target is None:
            self._count_dry(batch, changed)
            return
        self._seen += ids
        held = self._write_runs(foreign, target, changed) if changed else {}
        if not self.choice.files:
            return
        for run in batch:
            before = held.get(run.id) or known[run.id]
            # A run's mark says nothing about its files, so those that are there are compared by name and size.
            files = self._files.take(run)
            if files != before.files:
                self._enter({run.id: replace(before, files=files)})

    def _count_batch(
        self, batch: Sequence[ForeignRun], changed: Sequence[ForeignRun], known: Mapping[str, Held]
    ) -> None:
        fresh = {run.id for run in changed}
        for run in batch:
            points = 0 if run.id in fresh else known[run.id].points
            counts = ("runs", 1), ("params", len(run.params)), ("tags", len(run.tags)), ("points", points)
            for kind, count in (*counts, ("inputs", len(run.datasets) + len(run.models))):
                self.report[kind].found += count
                self.report[kind].known += 0 if run.id in fresh else count

    def _count_dry(self, batch: Sequence[ForeignRun], changed: Sequence[ForeignRun]) -> None:
        ids = [run.id for run in changed]
        with self.database.reading() as connection:
            here = set(connection.execute(sa.select(runs_table.c.id).where(runs_table.c.id.in_(ids))).scalars())
        self.report["runs"].known += len(here)
        self.report["runs"].new += len(ids) - len(here)
        for rows in self.source.points(changed):
            self.report["points"].found += len(rows)
        if self.choice.files:
            for run in batch:
                for file in self.source.files(run):
                    self.report["files"].found += 1
                    self.report.file_bytes += file.size

    def _write_runs(
        self, foreign: ForeignExperiment, target: Experiment, batch: Sequence[ForeignRun]
    ) -> dict[str, Held]:
        adopted = [self._adopted(run, foreign, target) for run in batch]

        def write(connection: sa.Connection) -> tuple[dict[str, int], frozenset[str]]:
            rids, known, differing = adopt_runs(connection, adopted)
            adopt_inputs(
                connection,
                [(rids[run.id], target.id, dataset) for run in batch for dataset in run.datasets],
                [(rids[run.id], use) for run in batch for use in run.models],
            )
            for one in differing:
                self.report.differs(
                    f"{one.kind} {one.name!r} of run {one.run} is {_short(one.here)} here, {_short(one.there)} there"
                )
            return rids, known

        rids, known = self.database.write(write)
        self.report["runs"].known += len(known)
        self.report["runs"].new += len(batch) - len(known)
        for run in batch:
            if run.id not in known:
                self.report["params"].new += len(run.params)
                self.report["tags"].new += len(run.tags)
                self.report["inputs"].new += len(run.datasets) + len(run.models)
        points = self._write_points(target, batch, rids)
        held = {
            run.id: Held(run.mark, len(one.params), len(one.tags), points[run.id])
            for run, one in zip(batch, adopted, strict=True)
        }
        self._enter(held)
        return held

    def _write_points(self, target: Experiment, batch: Sequence[ForeignRun], rids: Mapping[str, int]) -> dict[str, int]:
        counts = dict.fromkeys((run.id for run in batch), 0)
        sound: dict[str, bool] = {}
        for rows in self.source.points(batch):
            kept: list[tuple[int, int, str, float, int, int]] = []
            for run, name, value, at_ms, step in rows:
                if name not in sound:
                    sound[name] = bool(name) and _is_text(name)
                if sound[name]:
                    counts[run] += 1
                    kept.append((rids[run], target.id, name, value, at_ms, step))
                else:
                    self.source.skips.add("a metric has a name that cannot be kept", f"run {run}: {name[:80]!a}")
            self.report["points"].found += len(rows)
            self.report["points"].new += len(kept)
            self.database.write(lambda connection, kept=kept: adopt_points(connection, kept))  # type: ignore[misc] # bound now, not when called
        return counts

    def _adopted(self, run: ForeignRun, foreign: ForeignExperiment, target: Experiment) -> AdoptedRun:
        started = _moment(run.started_ms)
        ended = _moment(run.ended_ms)
        if started is None:
            started = ended or target.created
            self.report.differs(f"run {run.id} has no start time at the source; it has one here")
        deleted = None
        if run.deleted or target.deleted is not None:
            deleted = _moment(run.deleted_ms) or target.updated
            gone = _moment(foreign.updated_ms) if foreign.deleted else None
            with_it = not run.deleted or (gone is not None and abs(deleted - gone) <= _TOGETHER)
            if target.deleted is not None and with_it:
                # It went into the bin with its experiment, and comes out with it.
                deleted = target.deleted
        tags = self._sound(run.tags, f"run {run.id}")
        return AdoptedRun(
            id=run.id,
            experiment_id=target.id,
            name=run.name,
            status=_STATUS[run.status],
            started=started,
            ended=ended,
            deleted=deleted,
            user_id=run.user_id or tags.get("mlflow.user", ""),
            git_commit=tags.get("mlflow.source.git.commit"),
            params=self._sound(run.params, f"run {run.id}"),
            tags=tags,
        )

    def _take_model(self, model: ForeignModel, target: Experiment | None) -> None:
        tally = self.report["logged models"]
        tally.found += 1
        if _ID.fullmatch(model.id) is None or not _is_text(model.name + model.type + model.source_run_id):
            self.source.skips.add("a logged model has an id or name that cannot be kept", ascii(model.id[:80]))
            return
        if target is None:
            return
        created = _moment(model.created_ms) or target.created
        updated = _moment(model.updated_ms) or created
        adopted = AdoptedModel(
            id=model.id,
            experiment_id=target.id,
            name=model.name,
            type=model.type,
            status=model.status.lower(),
            source_run_id=model.source_run_id,
            created=created,
            updated=updated,
            deleted=updated if model.deleted else None,
            params=self._sound(model.params, f"logged model {model.id}"),
            tags=self._sound(model.tags, f"logged model {model.id}"),
            metrics=[
                ModelMetric(one.name, one.value, one.at_ms, one.step, one.run_id, one.dataset_name, one.dataset_digest)
                for one in model.metrics
                if _is_text(one.name + one.run_id + one.dataset_name + one.dataset_digest)
            ],
        )
        if self.database.write(lambda connection: adopt_model(connection, adopted)):
            tally.known += 1
        else:
            tally.new += 1
        files = self._files.take(model) if self.choice.files else None
        self._seen.append(model.id)
        self._enter({model.id: Held("", len(model.params), len(model.tags), 0, files)})

    def _take_registered(self) -> None:
        for model in self.source.registered():
            self.report["registered models"].found += 1
            self.report["versions"].found += len(model.versions)
            if not self.choice.dry:
                sound = replace(model, tags=self._sound(model.tags, f"model {model.name}"))
                self._registering.take(sound, self.choice.prefix + model.name)

    def _sound(self, texts: Mapping[str, str], owner: str) -> dict[str, str]:
        kept = {}
        for name, value in texts.items():
            if _is_text(name) and _is_text(value):
                kept[name] = value
            else:
                self.source.skips.add("a param or tag holds what is no text", f"{owner}: {name[:80]!a}")
        return kept

    def _enter(self, held: Mapping[str, Held]) -> None:
        self.database.write(lambda connection: self._ledger.enter(connection, held, datetime.now(UTC)))

    def _settle(self) -> None:
        # Without statistics a database that has grown at one stroke plans as if it were empty.
        statement = "ANALYZE" if self.database.dialect == "postgresql" else "PRAGMA optimize=0x10002"
        self.database.write(lambda connection: connection.exec_driver_sql(statement) and None)


def _moment(ms: int | None) -> datetime | None:
    try:
        return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None


def _is_text(value: str) -> bool:
    try:
        return "\x00" not in value and (value.isascii() or bool(value.encode()))
    except UnicodeEncodeError:
        return False


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "…")
