"""The standard pipeline as a graph: which step takes what, and which settings are in whose key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from noria.pipeline.discovery import discover
from noria.pipeline.graph import Graph
from noria.pipeline.planning import Keys
from noria.pipeline.step import Step
from noria.project.origin import Origin, origin_of
from noria.sources.change import VOLATILE
from noria.steps.versions import champion_of, collected_digest
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from noria.project.file import Project
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["STANDARD", "graph_of", "standard_steps"]

STANDARD = ("ingest", "check", "clean", "split", "train", "evaluate", "gate", "register")
"""The steps every project has, in order."""


def graph_of(project: Project, database: Database, blobs: Blobs, *, store: Path) -> Graph:
    """Build the project's graph: the standard steps and those of ``pipeline.py``.

    Parameters
    ----------
    project : Project
        The effective project file.
    database, blobs : Database, Blobs
        Asked for the champion and for rows that came back.
    store : Path
        The folder ``.noria``; keeps the digests of source files.
    """
    values = cast("Mapping[str, Mapping[str, object]]", project.values)
    name = project.name
    wants_champion = any(gate.get("against") for gate in cast("list[Mapping[str, object]]", project.values["gates"]))
    steps = standard_steps(
        values,
        name=name,
        token=origin_of(project).token(root=project.root, cache=store / "cache"),
        day=datetime.now(UTC).date().isoformat(),
        collected=collected_digest(database, blobs, name),
        champion=champion_of(database, name) if wants_champion else None,
        trusted=_trusted(values["model"], project.root, store / "cache"),
    )
    params = {step: cast("Mapping[str, object]", section["params"]) for step, section in _sections(values).items()}
    found = discover(project.root / "pipeline.py", steps, params)
    retries = {step: cast("int", section["retries"]) for step, section in _sections(values).items()}
    return Graph(replace(step, retries=retries.get(step.name, 0)) for step in found)


def standard_steps(
    values: Mapping[str, Mapping[str, object]],
    *,
    name: str,
    token: str,
    day: str = "",
    collected: str | None = None,
    champion: int | None = None,
    trusted: Mapping[str, str] | None = None,
) -> list[Step]:
    """List the eight steps with exactly the settings each depends on.

    A setting that stands in one step's parameters only re-runs that step and what its output changes: a gate's
    bound is in ``gate``, a monitor's window in none.

    Parameters
    ----------
    values : mapping
        The effective project file as JSON.
    name : str
        Of the project: its dataset and its model.
    token : str
        State of the sources.
    day : str
        Today, for checks of freshness.
    collected : str, optional
        Digest of the rows that came back from production.
    champion : int, optional
        Version that gates compare with.
    trusted : mapping of str to str, optional
        Class of the user's own that a model may hold -> digest of the code behind it.
    """
    data = values["data"]
    # Later steps get their rows from the step before: where those came from must not be in their keys.
    roles = {role: data[role] for role in ("target", "positive", "key", "time", "group", "columns")}
    roles["source"] = "ingest"
    checks = cast("Mapping[str, object]", data["checks"])
    gates = cast("list[Mapping[str, object]]", values["gates"])
    sliced = sorted({str(gate["metric"]) for gate in gates if gate["slice"]})
    key, task, model = data["key"], values["model"]["task"], values["model"]
    own = dict(trusted or {})
    asked = {"query": data["query"], "tables": values["tables"]} if data["source"] is None else {}
    origin = Origin(
        cast("str | None", data["source"]), tables=cast("Mapping[str, Mapping[str, object]]", values["tables"])
    )
    cleaning = values["clean"]
    return [
        _step(
            "ingest", "Read the source.",
            params={
                "source": data["source"], "token": token, "na_values": cleaning["na_values"],
                "rename": cleaning["rename"], "collected": collected, "key": key, **asked,
            },
            # What cannot tell whether it changed has to be read to know; the same rows then change nothing after it.
            cache=token != VOLATILE,
        ),
        _step(
            "check", "Record the dataset version and check it.", inputs=("ingest",),
            params={
                "name": name, "source": origin.text, "token": token, "data": roles, "checks": data["checks"],
                "task": task, **({"day": day} if checks["max_age"] else {}),
            },
        ),
        _step("clean", "Clean row by row.", inputs=("check",), params={"settings": cleaning, "key": key}),
        _step(
            "split", "Lock the test rows away.", inputs=("clean",),
            params={"data": roles, "settings": values["split"], "task": task},
        ),
        _step(
            "train", "Select and fit the model.", inputs=("split",),
            params={"data": roles, "model": model, "prepare": values["prepare"], "trusted": own},
        ),
        _step(
            "evaluate", "Judge it on the locked rows.", inputs=("split", "train"),
            params={"data": roles, "metric": model["metric"], "slice_metrics": sliced, "trusted": own},
        ),
        _step(
            "gate", "Hold it against the gates.", inputs=("split", "train", "evaluate"),
            params={"name": name, "gates": gates, "champion": champion, "data": roles, "trusted": own}, records=True,
        ),
        _step(
            "register", "Keep it as a version.", inputs=("check", "split", "train", "evaluate", "gate"),
            params={"name": name, "data": roles, "metric": model["metric"], "trusted": own}, records=True,
        ),
    ]  # fmt: skip


def _step(
    name: str,
    help: str,
    *,
    inputs: tuple[str, ...] = (),
    params: Mapping[str, object],
    cache: bool = True,
    records: bool = False,
) -> Step:
    return Step(
        name=name,
        uses=f"noria.steps.{name}:{name}",
        inputs={step: step for step in inputs},
        params=params,
        help=help,
        cache=cache,
        writes_records=records,
    )


def _trusted(model: Mapping[str, object], root: Path, cache: Path) -> dict[str, str]:
    """Name the classes of the user's own that a model file may hold: the project file itself asks for them.

    Each comes with a digest of its code, so that a changed estimator is trained and judged again.
    """
    asked = model["candidates"]
    named = (
        [str(one["class"]).replace(":", ".") for one in asked if isinstance(one, dict)]
        if isinstance(asked, list)
        else []
    )
    classes = sorted({*cast("list[str]", model["trusted"]), *named})
    if not classes:
        return {}
    keys = Keys(cache)
    found = {name: str(digest_json(keys.code(name.rpartition(".")[0], root))) for name in classes}
    keys.save()
    return found


def _sections(values: Mapping[str, Mapping[str, object]]) -> Mapping[str, Mapping[str, object]]:
    return cast("Mapping[str, Mapping[str, object]]", values["steps"])
