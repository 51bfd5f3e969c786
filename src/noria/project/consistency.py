"""What no section can see alone: values of different sections that contradict each other, and what has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongSetting
from noria.evaluation.catalogue import find, names
from noria.project.lines import find_lines, line_of
from noria.project.problems import Problem

if TYPE_CHECKING:
    from noria.project.lines import Path
    from noria.project.settings import Settings

__all__ = ["contradictions", "fill", "without_effect"]


def contradictions(settings: Settings) -> list[Problem]:
    """List settings that are each sound and do not go together."""
    return [*_source(settings), *_triggers(settings), *_target(settings), *_split(settings), *_metrics(settings)]


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
        found += [(("tables", name), "only [data] query reads tables, and there is none") for name in settings.tables]
    if settings.deploy.strategy != "canary" and "steps" in settings.deploy.model_fields_set:
        found.append((("deploy", "steps"), f'only strategy = "canary" has steps; this is {settings.deploy.strategy}'))
    if settings.deploy.strategy in {"direct", "blue-green"} and "hold" in settings.deploy.model_fields_set:
        found.append((("deploy", "hold"), f'only "canary" and "shadow" hold; this is {settings.deploy.strategy}'))
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
    if settings.data.query and not settings.tables:
        found.append(Problem(("data", "query"), "needs tables to read: write [tables.NAME] with a source"))
    for name, table in settings.tables.items():
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


def _direction(settings: Settings) -> list[Problem]:
    # A bound on the wrong side passes every bad model: nobody means it.
    found = []
    for index, gate in enumerate(settings.gates):
        better = find(gate.metric).greater_is_better
        if better and gate.max is not None and gate.min is None:
            found.append(Problem(("gates", index, "max"), f"more is better for {gate.metric}: write min"))
        if not better and gate.min is not None and gate.max is None:
            found.append(Problem(("gates", index, "min"), f"less is better for {gate.metric}: write max"))
    return found
