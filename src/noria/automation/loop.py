"""One turn of the loop: look, decide, act, write down, tell."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noria.automation.collecting import answered_by, collect, labelled_since
from noria.automation.contesting import Arena, ground
from noria.automation.decisions import Decision, Decisions
from noria.automation.firings import Firings
from noria.automation.hooks import Hooks
from noria.automation.outbox import Outbox, Webhook
from noria.automation.response import Facts, respond
from noria.automation.schedule import due
from noria.duration import parse_duration
from noria.errors import NoriaError, WrongSetting
from noria.monitoring.alerts import Alerts
from noria.monitoring.records import Windows
from noria.monitoring.watch import look
from noria.registry.approvals import Approvals
from noria.registry.promotion import approvals_needed, previous, promote, rollback
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    import pyarrow as pa

    from noria.automation.decisions import Action
    from noria.automation.firings import Firing
    from noria.automation.response import Contest, Plan
    from noria.automation.rooms import Rooms
    from noria.monitoring.alerts import Alert
    from noria.monitoring.settings import MonitorSettings, NotifySettings
    from noria.monitoring.watch import Look
    from noria.runs.trigger_settings import Trigger

__all__ = ["ACTOR", "Loop", "Turn", "webhook"]

ACTOR = "automation"
_ORDER = {"answers": 0, "input": 0, "performance": 1, "drift": 2, "rollout": 3}


@dataclass(frozen=True)
class Turn:
    """What one turn did."""

    look: Look
    decisions: tuple[Decision, ...]
    delivered: int


class Loop:
    """Turns the wheel by itself.

    Parameters
    ----------
    rooms : Rooms
        What it works with.
    model : str
        Name in the registry.
    dataset : str
        Name of the dataset the model is trained on.
    target : str or None
        Its target column; None for clustering, which is never retrained by labels.
    settings : MonitorSettings
        The section [monitor].
    triggers : sequence of Trigger
        The entries [[triggers]].
    time_column : str, optional
        Column that says when a row happened.
    group_column : str, optional
        Column whose rows depend on each other.
    """

    def __init__(
        self,
        rooms: Rooms,
        *,
        model: str,
        dataset: str,
        target: str | None,
        settings: MonitorSettings,
        triggers: Sequence[Trigger] = (),
        time_column: str | None = None,
        group_column: str | None = None,
    ) -> None:
        self.rooms = rooms
        self.model = model
        self.dataset = dataset
        self.target = target
        self.settings = settings
        self.triggers = tuple(triggers)
        self.time_column = time_column
        self.group_column = group_column
        self.alerts = Alerts(rooms.database)
        self.windows = Windows(rooms.database)
        self.decisions = Decisions(rooms.database)
        self.firings = Firings(rooms.database, model)
        self.contest = rooms.contest or Arena(
            rooms.registry, model, rooms.reference, trusted=rooms.trusted, group=group_column
        )
        self.outbox = Outbox(rooms.database, webhook(settings.notify))
        self.hooks = Hooks(rooms.database)
        self._expired: date | None = None

    def tick(self, now: datetime) -> Turn:
        """Turn once: end lost runs, fire what is due, judge new windows, answer open alerts, send messages.

        Parameters
        ----------
        now : datetime
            The present, aware.
        """
        if self.rooms.mark_lost is not None:
            self.rooms.mark_lost(now)
        self._expire(now)
        made = self._fire(now)
        found = self.look(now)
        self._tell_alerts(now)
        made += self._answer(now)
        return Turn(found, tuple(made), self.outbox.deliver(now=now) + self.hooks.deliver(now=now))

    def _expire(self, now: datetime) -> None:
        if self.rooms.expire is not None and self._expired != now.date():
            self.rooms.expire(now)
            self._expired = now.date()

    def look(self, now: datetime, *, partial: bool = False) -> Look:
        """Judge what has come in, and do nothing about it.

        Parameters
        ----------
        now : datetime
            The present, aware.
        partial : bool
            Judge incomplete windows as well, provisionally.
        """
        return look(
            self.rooms.database,
            model=self.model,
            serving=self._champion(),
            read=self.rooms.read,
            reference=self.rooms.reference,
            settings=self.settings,
            now=now,
            time_column=self.time_column,
            group_column=self.group_column,
            partial=partial,
            label_rows=self.rooms.label_rows,
            corrections=self.rooms.corrections,
        )

    # --- triggers -------------------------------------------------------------------------------------------------

    def _fire(self, now: datetime) -> list[Decision]:
        made: list[Decision] = []
        for trigger in self.triggers:
            last = self.firings.last(trigger.key)
            token = self.rooms.data_token() if trigger.data and self.rooms.data_token is not None else ""
            if last is None:
                # Counts from the first time it is seen: nothing was missed before.
                self.firings.note(trigger.key, now=now, token=token)
                continue
            if last.ended is not None and now - last.started < parse_duration(trigger.cooldown):
                continue
            moment: datetime | None
            if trigger.cron is not None:
                moment = due(
                    trigger.cron, since=last.due, now=now, timezone=trigger.timezone, catch_up=trigger.catch_up
                )
                reason = f"scheduled for {moment.isoformat(timespec='minutes')}" if moment else ""
            else:
                moment = now if token and token != last.token else None
                reason = "the source has changed"
            if moment is None:
                continue
            firing = self.firings.claim(trigger.key, after=last, due=moment, now=now, token=token)
            if firing is None:
                continue
            made += self._run(trigger.key, "run", reason, {}, now, firing=firing)
        return made

    # --- alerts ---------------------------------------------------------------------------------------------------

    def _tell_alerts(self, now: datetime) -> None:
        for alert in self.alerts.list(self.model, limit=50):
            if alert.muted(now):
                continue
            told = {"kind": alert.kind, "model": self.model, "alert": alert.to_json()}
            self.outbox.put(f"alert:{alert.id}:opened", {"text": f"{self.model}: {alert.text}", **told}, now=now)
            if alert.state == "resolved":
                text = f"{self.model}: resolved: {alert.text} ({alert.resolution})"
                self.outbox.put(f"alert:{alert.id}:resolved", {"text": text, **told}, now=now)

    def _answer(self, now: datetime) -> list[Decision]:
        waiting = [alert for alert in self.alerts.open(self.model) if not alert.muted(now)]
        broken = any(alert.kind == "input" for alert in waiting)
        made: list[Decision] = []
        for alert in sorted(waiting, key=lambda each: (_ORDER[each.kind], each.id)):
            # Read before the plan is made: who acts meanwhile takes the place behind it, and this claim fails.
            last = self.firings.last(f"alert:{alert.id}")
            plan, evidence = self._plan(alert, broken=broken, now=now)
            if plan.action in ("tell", "hold"):
                made += self._say_once(alert, plan, evidence, now)
                continue
            act = self._retrain if plan.action == "retrain" else self._roll_back
            if done := act(alert, plan, evidence, now, last):
                # One act a turn: what it changed must be seen before the next.
                return made + done
        return made

    def _plan(self, alert: Alert, *, broken: bool, now: datetime) -> tuple[Plan, dict[str, object]]:
        wanted = self.settings.on_regression if alert.kind == "performance" else self.settings.on_drift
        facts = Facts(alert.kind)
        evidence: dict[str, object] = {"alert": alert.text, "window": alert.evidence.get("window")}
        if alert.kind in ("drift", "performance") and wanted != "alert" and self.target is not None:
            recent = self.rooms.read(alert.since, None)
            last = self.decisions.last(self.model, "retrain")
            rows = labelled_since(recent, alert.since)
            facts = Facts(
                alert.kind,
                input_broken=broken,
                new_rows=rows,
                # Everything is read only when there is enough to train on.
                data=_data(self.rooms.read(None, None)) if rows >= self.settings.retrain_rows else "",
                since_retraining=None if last is None else now - last.at,
                failed_on=str(last.evidence["data"]) if last is not None and last.evidence.get("kept") else "",
                contest=self._contest(alert, recent) if wanted == "rollback" else None,
            )
            evidence |= {"labelled_rows": rows, "data": facts.data, "broken_input": broken}
            if facts.contest is not None:
                evidence["contest"] = facts.contest.to_json()
        plan = respond(
            facts,
            on_drift=self.settings.on_drift if self.target is not None else "alert",
            on_regression=self.settings.on_regression if self.target is not None else "alert",
            retrain_rows=self.settings.retrain_rows,
            cooldown=self.settings.cooldown,
        )
        return plan, evidence

    def _contest(self, alert: Alert, joined: pa.Table) -> Contest | None:
        before = previous(self.rooms.aliases, self.model)
        if before is None:
            return None
        on = ground(
            answered_by(joined, alert.version, since=alert.since),
            ended=self.windows.ended(self.model, alert.version, alert.since),
            alarm=self.settings.regression_level,
        )
        found = self.contest(before, alert.version, on.rows, on.level)
        return None if found is None else replace(found, evidence={"on": on.about, **found.evidence})

    def _say_once(self, alert: Alert, plan: Plan, evidence: dict[str, object], now: datetime) -> list[Decision]:
        said = self.decisions.of_alert(alert.id)
        if said and (said[-1].action, said[-1].reason) == (plan.action, plan.reason):
            return []
        outcome = "somebody was told" if plan.action == "tell" else "nothing was changed"
        return [self._record(f"alert:{alert.kind}", plan.action, plan.reason, outcome, evidence, now, alert)]

    # --- acts -----------------------------------------------------------------------------------------------------

    def _retrain(
        self, alert: Alert, plan: Plan, evidence: dict[str, object], now: datetime, last: Firing | None
    ) -> list[Decision]:
        firing = self.firings.claim(f"alert:{alert.id}", after=last, due=now, now=now)
        if firing is None or self.target is None:
            return []
        try:
            version = collect(
                self.rooms.read(None, None),
                self.rooms.datasets,
                self.dataset,
                target=self.target,
                time=self.time_column,
                since=alert.since,
                now=now,
            )
        except NoriaError as error:
            self.firings.finish(firing, state="failed", now=now)
            outcome = f"the rows could not be collected: {error.what}"
            return [self._record(f"alert:{alert.kind}", "retrain", plan.reason, outcome, evidence, now, alert)]
        evidence |= {"dataset": f"{version.name}@{version.number}", "rows": version.rows}
        return self._run(f"alert:{alert.kind}", "retrain", plan.reason, evidence, now, firing=firing, alert=alert)

    def _roll_back(
        self, alert: Alert, plan: Plan, evidence: dict[str, object], now: datetime, last: Firing | None
    ) -> list[Decision]:
        cause = f"alert:{alert.kind}"
        firing = self.firings.claim(f"alert:{alert.id}", after=last, due=now, now=now)
        if firing is None:
            return []
        try:
            move = rollback(self.rooms.registry, self.model, actor=ACTOR, reason=plan.reason, at=now)
        except NoriaError as error:
            self.firings.finish(firing, state="failed", now=now)
            return [self._record(cause, "rollback", plan.reason, f"failed: {error.what}", evidence, now, alert)]
        self.firings.finish(firing, state="done", now=now)
        outcome = f"version {move.new} answers again instead of {move.old}"
        return [self._record(cause, "rollback", plan.reason, outcome, evidence, now, alert)]

    def _run(
        self,
        cause: str,
        action: Action,
        reason: str,
        evidence: dict[str, object],
        now: datetime,
        *,
        firing: Firing,
        alert: Alert | None = None,
    ) -> list[Decision]:
        champion = self._champion()
        evidence = {**evidence, "champion": champion}
        try:
            result = self.rooms.run_pipeline(cause)
        except NoriaError as error:
            self.firings.finish(firing, state="failed", now=self._after(now))
            evidence |= {"error": error.to_dict()}
            return [self._record(cause, action, reason, f"the run failed: {error.what}", evidence, now, alert)]
        except BaseException:
            # Interrupted or a bug: the claim must not hold the next run back.
            self.firings.finish(firing, state="failed", now=self._after(now))
            raise
        now = self._after(now)
        self.firings.finish(firing, state="done", now=now, run_id=result.run_id)
        evidence |= {"run": result.run_id, "version": result.version, "gates_passed": result.gates_passed}
        if result.version is None or result.version == champion:
            outcome = "no new version came of it" if result.version is None else f"version {champion} came out again"
            return [self._record(cause, action, reason, outcome, {**evidence, "kept": True}, now, alert)]
        if not result.gates_passed:
            outcome = f"version {result.version} failed its gates; {_who(champion)} stays"
            return [self._record(cause, action, reason, outcome, {**evidence, "kept": True}, now, alert)]
        outcome = f"version {result.version} passed its gates"
        made = [self._record(cause, action, reason, outcome, evidence, now, alert)]
        return [*made, self._promote(cause, result.version, champion, evidence, now, alert)]

    def _promote(
        self,
        cause: str,
        number: int,
        champion: int | None,
        evidence: dict[str, object],
        now: datetime,
        alert: Alert | None,
    ) -> Decision:
        reason = f"passed its gates after {cause}"
        outcome = f"version {number} answers instead of {champion}" if champion else f"version {number} answers"
        try:
            if self.rooms.promote is not None:
                self.rooms.promote(number, reason, now)
            elif needed := approvals_needed(self.rooms.registry, self.rooms.registry.get(self.model, number)):
                asked = Approvals(self.rooms.registry)
                asked.request(self.model, number, actor=ACTOR, reason=reason, at=now)
                outcome = f"version {number} waits for {needed} to agree; {_who(champion)} stays until then"
            else:
                promote(self.rooms.registry, self.model, number, actor=ACTOR, reason=reason, at=now, expect=champion)
        except NoriaError as error:
            outcome = f"not promoted: {error.what}"
        return self._record(cause, "promote", reason, outcome, evidence, now, alert)

    def _record(
        self,
        cause: str,
        action: Action,
        reason: str,
        outcome: str,
        evidence: Mapping[str, object],
        now: datetime,
        alert: Alert | None,
    ) -> Decision:
        made = self.decisions.record(
            at=now,
            model=self.model,
            cause=cause,
            action=action,
            reason=reason,
            outcome=outcome,
            evidence=evidence,
            alert_id=None if alert is None else alert.id,
        )
        if action not in ("tell", "hold"):
            text = f"{self.model}: {action} ({reason}): {outcome}"
            told = {"text": text, "kind": "decision", "model": self.model, "decision": made.to_json()}
            self.outbox.put(f"decision:{made.id}", told, now=now)
        return made

    def _after(self, now: datetime) -> datetime:
        """Give the time after a run, which may have taken hours."""
        return now if self.rooms.clock is None else self.rooms.clock()

    def _champion(self) -> int | None:
        return self.rooms.aliases.current(self.model, "champion")


def webhook(settings: NotifySettings, environment: Mapping[str, str] = os.environ) -> Webhook | None:
    """Read where messages go, from the environment where the settings say so.

    Raises
    ------
    WrongSetting
        A variable that is named is not set.
    """
    if settings.webhook is None:
        return None
    url, secret = (_resolved(value or "", environment) for value in (settings.webhook, settings.secret))
    return Webhook(url, secret, settings.allow_private)


def _resolved(value: str, environment: Mapping[str, str]) -> str:
    if not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    if name not in environment:
        raise WrongSetting(
            f"[monitor.notify] names the environment variable {name}, which is not set",
            mend=f"export {name}=…",
            code="N-AUTOMATION-013",
        )
    return environment[name]


def _data(joined: pa.Table) -> str:
    """Name the labelled rows, so that the same ones are not trained on in vain again."""
    labelled = joined.filter(joined["label"].is_valid()).select(["prediction_id", "label"])
    texts = sorted(f"{key}={label}" for key, label in zip(*(c.to_pylist() for c in labelled.columns), strict=True))
    return digest_json(texts)[:16]


def _who(champion: int | None) -> str:
    return "no version" if champion is None else f"version {champion}"
