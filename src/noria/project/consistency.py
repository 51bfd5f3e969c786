"""What no section can see alone: values of different sections that contradict each other, and what has no effect."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from noria.duration import parse_duration
from noria.errors import WrongSetting
from noria.evaluation.catalogue import find, names
from noria.evaluation.measures import MEASURES
from noria.project.lines import find_lines, line_of
from noria.project.problems import Problem
from noria.sources.kind import Incremental
from noria.sources.plugins import kind_of
from noria.sources.reference import prefix_of

if TYPE_CHECKING:
    from noria.checks.settings import CheckSettings
    from noria.project.lines import Path
    from noria.project.settings import Settings

__all__ = ["contradictions", "fill", "without_effect"]


def contradictions(settings: Settings) -> list[Problem]:
    """List settings that are each sound and do not go together."""
    return [
        *_source(settings),
        *_triggers(settings),
        *_target(settings),
        *_history(settings),
        *_split(settings),
        *_metrics(settings),
        *_evaluation(settings),
        *_retention(settings),
    ]


def fill(settings: Settings) -> Settings:
    """Fill in the defaults that depend on other sections, as far as the file alone can tell."""
    if settings.deploy.endpoint is None:
        deploy = settings.deploy.model_copy(update={"endpoint": settings.project.name})
        settings = settings.model_copy(update={"deploy": deploy})
    task = settings.model.task
    if task is None:  # the target's values will decide
        return settings
    metric = settings.model.metric or find(None, task).name
    return settings.model_copy(
        update={
            "model": settings.model.model_copy(update={"metric": metric}),
            "split": settings.split.resolved(task),
        }
    )


def without_effect(settings: Settings, text: str) -> tuple[str, ...]:
    """Name what the file says and nothing reads, each with its line."""
    found: list[tuple[Path, str]] = []
    if settings.data.query is None:
        message = "only [data] query reads tables, and there is none; nor do [data.checks] references name this one"
        looked_up = settings.data.checks.tables_named
        found += [(("tables", name), message) for name in settings.tables if name not in looked_up]
    if settings.deploy.strategy != "canary" and "steps" in settings.deploy.model_fields_set:
        found.append((("deploy", "steps"), f'only strategy = "canary" has steps; this is {settings.deploy.strategy}'))
    deploy = settings.deploy
    if deploy.strategy in {"direct", "ab"} and "hold" in deploy.model_fields_set:
        found.append((("deploy", "hold"), f'"canary", "shadow" and "blue-green" hold; this is {deploy.strategy}'))
    if deploy.strategy != "ab" and "split" in deploy.model_fields_set:
        found.append((("deploy", "split"), f'only strategy = "ab" splits; this is {deploy.strategy}'))
    if deploy.strategy == "direct" and deploy.gates.model_fields_set:
        found.append((("deploy", "gates"), 'strategy = "direct" tries nothing, so no gate is looked at'))
    for number, trigger in enumerate(settings.triggers):
        if trigger.data is not None:
            given = sorted(trigger.model_fields_set & {"timezone", "catch_up"})
            found += [(("triggers", number, name), "only a cron schedule has one") for name in given]
    if not found:
        return ()
    lines = find_lines(text)
    return tuple(f"noria.toml:{line_of(lines, path)}: {message}" for path, message in found)


def _source(settings: Settings) -> list[Problem]:
    found = []
    pulled: list[tuple[Path, str | None, bool]] = [
        (("data",), settings.data.source, settings.data.incremental is not None)
    ]
    pulled += [(("tables", name), one.source, one.incremental is not None) for name, one in settings.tables.items()]
    for path, source, wanted in pulled:
        if wanted and source is not None and not isinstance(kind_of(prefix_of(source)), Incremental):
            kind = kind_of(prefix_of(source)).name
            message = f"{kind} sources are read whole: only sql: and python: give the rows from a value on"
            found.append(Problem((*path, "incremental"), message))
    if settings.data.query and not settings.tables:
        found.append(Problem(("data", "query"), "needs tables to read: write [tables.NAME] with a source"))
    sections: list[tuple[Path, CheckSettings]] = [(("data", "checks"), settings.data.checks)]
    sections += [(("tables", name, "checks"), table.checks) for name, table in settings.tables.items()]
    for path, checks in sections:
        for table_name in checks.tables_named:
            if table_name not in settings.tables:
                known = f"known: {', '.join(settings.tables)}" if settings.tables else ""
                message = f"names the table {table_name!r}: write [tables.{table_name}] with a source"
                found.append(Problem((*path, "references"), message, known))
    for name in dict.fromkeys(name for lookup in settings.data.checks.lookups for name in lookup.columns):
        kept = settings.data.columns[name].store if name in settings.data.columns else "plain"
        if kept != "plain":
            message = f'{name!r} cannot be looked up: columns.{name}.store is "{kept}"'
            found.append(Problem(("data", "checks", "references"), message))
    for name, table in settings.tables.items():
        if table.checks.drift is not None:
            message = "tables of a query have no versions of their own: compare what it gives, in [data.checks]"
            found.append(Problem(("tables", name, "checks", "drift"), message))
        if table.checks.max_age is not None:
            message = "a table has no time column: check the age of what the query gives, in [data.checks]"
            found.append(Problem(("tables", name, "checks", "max_age"), message))
    return found


def _triggers(settings: Settings) -> list[Problem]:
    sources = [settings.data.source, *(table.source for table in settings.tables.values())]
    if not any(source is not None and source.startswith("python:") for source in sources):
        return []
    message = "a function cannot tell whether its rows have changed: write a cron schedule"
    return [Problem(("triggers", n, "data"), message) for n, trigger in enumerate(settings.triggers) if trigger.data]


def _target(settings: Settings) -> list[Problem]:
    task, target = settings.model.task, settings.data.target
    found = []
    if task == "clustering" and target:
        found.append(Problem(("data", "target"), "clustering has no target: leave it out, or change [model] task"))
    if task in {"classification", "regression"} and not target:
        found.append(Problem(("data", "target"), f"is missing: {task} predicts one column; name it"))
    if target in settings.data.columns and settings.data.columns[target].use is False:
        found.append(Problem(("data", "columns", target, "use"), "is false, and this column is what is predicted"))
    if settings.data.positive is not None and task not in {None, "classification"}:
        found.append(Problem(("data", "positive"), f"names a class, and the task is {task}"))
    return found


def _history(settings: Settings) -> list[Problem]:
    found = []
    data = settings.data
    if settings.history.by is not None and not settings.history.columns:
        found.append(Problem(("history", "by"), 'says whose rows follow one another; write which: load = ["lag:1"]'))
    for name, rules in settings.history.columns.items():
        fills = any(rule.startswith(("forward", "interpolate")) for rule in rules)
        if data.time is None:
            found.append(Problem(("history", name), 'needs an order of the rows: write time = "…" under [data]'))
        elif name in {*data.key, data.time, data.group, settings.history.by}:
            found.append(Problem(("history", name), "says which row it is, and is nothing to look back on"))
        elif name == data.target and fills:
            found.append(Problem(("history", name), "is what is predicted: a missing target is not filled in"))
        elif name == data.target and settings.split.method != "time":
            message = 'is what is predicted: to look back on it, rows are split by time: [split] method = "time"'
            found.append(Problem(("history", name), message))
    return found


def _retention(settings: Settings) -> list[Problem]:
    kept = settings.retention.predictions
    if kept is None:
        return []
    needed = parse_duration(settings.monitor.labels_after) + timedelta(days=1)
    if not settings.monitor.window.endswith("rows"):
        needed += parse_duration(settings.monitor.window)
    if parse_duration(kept) >= needed:
        return []
    message = (
        f"is too short: labels come after {settings.monitor.labels_after}, and the answers they judge must be there"
    )
    return [Problem(("retention", "predictions"), f"{message}; at least {needed.days}d")]


def _split(settings: Settings) -> list[Problem]:
    found = []
    method = settings.split.method
    for wanted, role in (("time", "time"), ("group", "group")):
        if method == wanted and not getattr(settings.data, role):
            found.append(Problem(("split", "method"), f'"{wanted}" needs a column: write {role} = "…" under [data]'))
    if method == "hash" and not settings.data.key:
        found.append(Problem(("split", "method"), '"hash" needs a key: write key = ["…"] under [data]'))
    if method == "stratified" and settings.model.task not in {None, "classification"}:
        found.append(
            Problem(("split", "method"), f'"stratified" is for classification; the task is {settings.model.task}')
        )
    return found


def _metrics(settings: Settings) -> list[Problem]:
    task = settings.model.task
    found: list[Problem] = []
    written = [(("gates", index, "metric"), gate.metric) for index, gate in enumerate(settings.gates)]
    for path, name in [*written, (("model", "metric"), settings.model.metric)]:
        if name is None:
            continue
        if path[0] == "gates" and name in MEASURES:
            wanted = MEASURES[name].task
            if None not in (task, wanted) and task != wanted:
                found.append(Problem(path, f"{name} is a measure of {wanted}, and the task is {task}"))
            continue
        try:
            metric = find(name)
        except WrongSetting as error:
            found.append(Problem(path, error.what, f"known: {', '.join(names(task))}"))
            continue
        if task is not None and metric.task != task:
            message = f"{name} is a metric of {metric.task}, and the task is {task}"
            found.append(Problem(path, message, f"known: {', '.join(names(task))}"))
    found += _direction(settings)
    return found


def _evaluation(settings: Settings) -> list[Problem]:
    task, evaluate, found = settings.model.task, settings.evaluate, []
    if evaluate.threshold is not None and task not in {None, "classification"}:
        found.append(Problem(("evaluate", "threshold"), f"decides between two classes, and the task is {task}"))
    if evaluate.protected and task not in {None, "classification"}:
        found.append(Problem(("evaluate", "protected"), f"judges decisions between classes, and the task is {task}"))
    marked = {name for name, said in settings.data.columns.items() if said.protected}
    guarded = marked if evaluate.protected is None else set(evaluate.protected)
    for index, gate in enumerate(settings.gates):
        if gate.by is not None and gate.by not in guarded:
            message = f'{gate.by!r} is no protected column: write protected = ["{gate.by}"] under [evaluate]'
            found.append(Problem(("gates", index, "by"), message))
        elif gate.metric == "data_age_days" and settings.data.time is None:
            message = 'data_age_days needs to know when: write time = "…" under [data]'
            found.append(Problem(("gates", index, "metric"), message))
        elif gate.metric in ("parity_ratio", "equalised_odds_gap") and not guarded:
            message = f'{gate.metric} needs a protected column: write protected = ["…"] under [evaluate]'
            found.append(Problem(("gates", index, "metric"), message))
    if evaluate.conformal is not None and task == "clustering":
        found.append(Problem(("evaluate", "conformal"), "a cluster has no truth that could lie outside"))
    for name in evaluate.protected or ():
        said = settings.data.columns.get(name)
        if name == settings.data.target:
            found.append(Problem(("evaluate", "protected"), f"{name!r} is what is predicted"))
        elif said is not None and said.store != "plain":
            found.append(
                Problem(("evaluate", "protected"), f'{name!r} has no values: columns.{name}.store = "{said.store}"')
            )
        elif said is not None and said.pii in {True, "direct"}:
            message = f"{name!r} names a person (pii), and nobody is a group"
            found.append(Problem(("evaluate", "protected"), message))
        elif name == settings.data.time or (said is not None and said.type == "timestamp"):
            message = f"{name!r} holds times, and a moment is no group: make a number of it, such as an age in years"
            found.append(Problem(("evaluate", "protected"), message))
    return found


def _direction(settings: Settings) -> list[Problem]:
    # A bound on the wrong side passes every bad model: nobody means it.
    found = []
    for index, gate in enumerate(settings.gates):
        if gate.metric is None:
            continue
        measure = MEASURES.get(gate.metric)
        better = find(gate.metric).greater_is_better if measure is None else measure.greater_is_better
        if better is None:
            continue
        if better and gate.max is not None and gate.min is None:
            found.append(Problem(("gates", index, "max"), f"more is better for {gate.metric}: write min"))
        if not better and gate.min is not None and gate.max is None:
            found.append(Problem(("gates", index, "min"), f"less is better for {gate.metric}: write max"))
    return found
