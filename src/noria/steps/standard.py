"""The standard pipeline as a graph: which step takes what, and which settings are in whose key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from noria.governance.erased import erased_state
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
    wants_champion = any(
        gate.get("against") or gate.get("metric") == "data_drift"
        for gate in cast("list[Mapping[str, object]]", project.values["gates"])
    )
    steps = standard_steps(
        values,
        name=name,
        token=origin_of(project).token(root=project.root, cache=store / "cache"),
        day=datetime.now(UTC).date().isoformat(),
        collected=collected_digest(database, blobs, name),
        champion=champion_of(database, name) if wants_champion else None,
        trusted=_trusted(values, project.root, store / "cache"),
        networks=_networks(values, project.root, store / "cache"),
        tables_token=_state_of(_looked_up(values), project.root, store / "cache"),
        against=_against(values, name, database, blobs),
        erased=erased_state(database, name),
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
    networks: Mapping[str, str] | None = None,
    tables_token: str | None = None,
    against: str | None = None,
    erased: str = "",
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
    networks : mapping of str to str, optional
        Function of the user's own that builds a network -> digest of the code behind it.
    tables_token : str, optional
        State of the tables that checks look values up in.
    against : str, optional
        The version that a tag or alias named by ``drift`` stands for.
    erased : str
        State of the list of erased people; empty where nobody was.
    """
    data = values["data"]
    # Later steps get their rows from the step before: where those came from must not be in their keys.
    roles = {role: data[role] for role in ("target", "positive", "key", "time", "group", "columns")}
    roles["source"] = "ingest"
    columns = cast("Mapping[str, Mapping[str, object]]", data["columns"])
    # What is not stored is gone after the first step.
    roles["columns"] = {name: said for name, said in columns.items() if said["store"] != "drop"}
    personal = {
        column: {"pii": said["pii"], "store": said["store"]}
        for column, said in columns.items()
        if said["store"] != "plain" or said["pii"] is not None
    }
    checks = cast("Mapping[str, object]", data["checks"])
    gates = cast("list[Mapping[str, object]]", values["gates"])
    sliced = sorted({str(gate["metric"]) for gate in gates if gate["slice"]})
    key, task, model = data["key"], values["model"]["task"], values["model"]
    own = dict(trusted or {})
    asked: dict[str, object] = {"query": data["query"], "tables": values["tables"]} if data["source"] is None else {}
    tables = cast("Mapping[str, Mapping[str, object]]", values["tables"])
    if data["incremental"]:
        asked["incremental"] = data["incremental"]
    origin = Origin(cast("str | None", data["source"]), tables=tables)
    cleaning = values["clean"]
    others = _looked_up(values)
    beside = {"tables": others, "tables_token": tables_token, "na_values": cleaning["na_values"]} if others else {}
    past = {name: rules for name, rules in values["history"].items() if name != "by"}
    whose = values["history"].get("by") or data["group"]
    history = {"history": past, "time": data["time"], "group": whose} if past else {}
    return [
        _step(
            "ingest", "Read the source.",
            params={
                "source": data["source"], "token": token, "na_values": cleaning["na_values"],
                "rename": cleaning["rename"], "collected": collected, "key": key, "project": name,
                **asked, **({"personal": personal} if personal else {}), **({"erased": erased} if erased else {}),
            },
            # What cannot tell whether it changed has to be read to know; the same rows then change nothing after it.
            cache=token != VOLATILE,
        ),
        _step(
            "check", "Record the dataset version and check it.", inputs=("ingest",),
            params={
                "name": name, "source": origin.text, "token": token, "data": roles, "checks": data["checks"],
                "task": task, **({"day": day} if checks["max_age"] else {}), **beside,
                **({"against": against} if against else {}),
            },
            cache=tables_token != VOLATILE,
        ),
        _step(
            "clean", "Clean row by row.", inputs=("check",),
            params={"settings": _without_dropped(cleaning, columns), "key": key, **history},
        ),
        _step(
            "split", "Lock the test rows away.", inputs=("clean",),
            params={"data": roles, "settings": values["split"], "task": task},
        ),
        _step(
            "train", "Select and fit the model.", inputs=("split",),
            params={
                "data": roles, "model": model, "prepare": values["prepare"], "trusted": own,
                **({"networks": dict(networks)} if networks else {}),
            },
        ),
        _step(
            "evaluate", "Judge it on the locked rows.", inputs=("split", "train"),
            params={
                "data": roles, "metric": model["metric"], "slice_metrics": sliced, "trusted": own,
                "settings": values["evaluate"],
            },
        ),
        _step(
            "gate", "Hold it against the gates.", inputs=("split", "train", "evaluate"),
            params={
                "name": name, "gates": gates, "champion": champion, "data": roles, "trusted": own,
                # What is old enough tomorrow is judged tomorrow again.
                **({"day": day} if any(gate["metric"] == "data_age_days" for gate in gates) else {}),
            },
            records=True,
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


def _trusted(values: Mapping[str, Mapping[str, object]], root: Path, cache: Path) -> dict[str, str]:
    """Name the classes of the user's own that a model file may hold: the project file itself asks for them.

    Each comes with a digest of its code, so that a changed estimator or transformer is trained and judged again.
    """
    model = values["model"]
    asked = model["candidates"]
    named = (
        [str(one["class"]).replace(":", ".") for one in asked if isinstance(one, dict) and "class" in one]
        if isinstance(asked, list)
        else []
    )
    rules = [rule for one in values["prepare"].values() if isinstance(one, list) for rule in one]
    named += [str(rule["class"]).replace(":", ".") for rule in rules if isinstance(rule, dict)]
    return _digests({*cast("list[str]", model["trusted"]), *named}, root, cache)


def _networks(values: Mapping[str, Mapping[str, object]], root: Path, cache: Path) -> dict[str, str]:
    """Name the functions that build networks of the user's own, each with a digest of its code.

    No model file holds them: the steps after the training neither need nor trust them.
    """
    asked = values["model"]["candidates"]
    written = [one for one in asked if isinstance(one, dict)] if isinstance(asked, list) else []
    return _digests({str(one["build"]).replace(":", ".") for one in written if "build" in one}, root, cache)


def _digests(names: set[str], root: Path, cache: Path) -> dict[str, str]:
    if not names:
        return {}
    keys = Keys(cache)
    found = {name: str(digest_json(keys.code(name.rpartition(".")[0], root))) for name in sorted(names)}
    keys.save()
    return found


def _looked_up(values: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Give the part of ``[tables]`` that ``[data.checks] references`` look values up in."""
    checks = cast("Mapping[str, Mapping[str, str | Mapping[str, str | list[str]]]]", values["data"]["checks"])
    said = [to if isinstance(to, str) else to["to"] for to in checks["references"].values()]
    places = [place for to in said for place in ([to] if isinstance(to, str) else to)]
    tables = {table for table, dot, _ in (place.partition(".") for place in places) if dot}
    return {name: {"source": cast("Mapping[str, object]", table)["source"]} for name, table in values["tables"].items()
            if name in tables}  # fmt: skip


def _against(values: Mapping[str, Mapping[str, object]], name: str, database: Database, blobs: Blobs) -> str | None:
    """Name the version that a tag or alias stands for; asked only where ``drift`` names one."""
    checks = cast("Mapping[str, Mapping[str, object] | None]", values["data"]["checks"])
    if not checks["drift"]:
        return None
    from noria.project.against import stands_at  # noqa: PLC0415 - few projects ask for it

    return stands_at(_Records(database, blobs), name, str(checks["drift"]["against"]))


@dataclass(frozen=True)
class _Records:
    database: Database
    blobs: Blobs


def _state_of(tables: Mapping[str, object], root: Path, cache: Path) -> str | None:
    if not tables:
        return None
    return Origin(None, "", cast("Mapping[str, Mapping[str, object]]", tables)).token(root=root, cache=cache)


def _sections(values: Mapping[str, Mapping[str, object]]) -> Mapping[str, Mapping[str, object]]:
    return cast("Mapping[str, Mapping[str, object]]", values["steps"])


def _without_dropped(
    cleaning: Mapping[str, object], columns: Mapping[str, Mapping[str, object]]
) -> Mapping[str, object]:
    """Leave out new names of columns that are not stored: reading gave them, and they are gone since."""
    rename = cast("Mapping[str, str]", cleaning["rename"])
    stored = {old: new for old, new in rename.items() if columns.get(new, {}).get("store") != "drop"}
    return {**cleaning, "rename": stored}
