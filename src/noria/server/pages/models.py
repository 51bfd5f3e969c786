"""What the model pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from noria.registry.comparison import Difference, compare
from noria.registry.promotion import approvals_needed, previous
from noria.server.pages.engine import Engine, engine
from noria.server.pages.estimates import Estimate, estimate, estimates
from noria.server.pages.evidence import Evidence, evidence

if TYPE_CHECKING:
    from datetime import datetime

    from noria.registry.aliases import AliasMove
    from noria.registry.approvals import PromotionRequest
    from noria.registry.verdicts import Judgement
    from noria.registry.version import ModelVersion
    from noria.workspace import Workspace

__all__ = ["Lineage", "ModelRow", "Node", "VersionRow", "VersionView", "overview", "version", "versions"]


@dataclass(frozen=True)
class ModelRow:
    """A line of the list of models."""

    model: str
    versions: int
    aliases: Mapping[str, int]
    task: str
    newest: VersionRow
    champion: VersionRow | None


@dataclass(frozen=True)
class VersionRow:
    """A line of the list of a model's versions."""

    model: str
    number: int
    ref: str
    created: datetime
    family: str
    dataset: str
    run_id: str
    code_commit: str | None
    code_clean: bool | None
    aliases: tuple[str, ...]
    metric: Estimate
    passed: bool | None
    gates: int
    gates_passed: int


@dataclass(frozen=True)
class Node:
    """A box of the lineage: what it is, its name, and the page about it."""

    kind: str
    name: str
    path: str | None
    note: str = ""
    here: bool = False


@dataclass(frozen=True)
class Lineage:
    """From data to deployment, in the order things were made of each other."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class VersionView:
    """Everything about one version."""

    row: VersionRow
    task: str
    metrics: tuple[Estimate, ...]
    judgement: Judgement | None
    lineage: Lineage
    moves: tuple[AliasMove, ...]
    params: Mapping[str, object]
    environment: Mapping[str, object]
    tags: Mapping[str, str]
    signature: tuple[Mapping[str, object], ...]
    files: tuple[tuple[str, str], ...]
    champion: int | None
    rollback_to: int | None
    against_champion: tuple[Difference, ...]
    data_digest: str
    model_digest: str
    evidence: Evidence
    engine: Engine | None
    requests: tuple[PromotionRequest, ...]
    approvals: int
    origin: str
    source: str
    unsafe: str
    description: str
    stage: str

    @property
    def asked(self) -> PromotionRequest | None:
        """The open request to make this version the champion."""
        return next((one for one in self.requests if one.state == "open" and one.alias == "champion"), None)


def overview(workspace: Workspace) -> tuple[ModelRow, ...]:
    """List the models."""
    rows = []
    for model in workspace.registry.models():
        found = versions(workspace, model)
        champion = next((row for row in found if "champion" in row.aliases), None)
        newest = workspace.registry.get(model)
        aliases = workspace.aliases.all(model)
        rows.append(ModelRow(model, len(found), aliases, newest.task, found[0], champion))
    return tuple(rows)


def versions(workspace: Workspace, model: str) -> tuple[VersionRow, ...]:
    """List the versions of a model, newest first.

    Raises
    ------
    ModelNotFound
        There is no such model.
    """
    found = workspace.registry.versions(model)
    if not found:
        workspace.registry.get(model)  # tells it, with the nearest name
    aliases = workspace.aliases.all(model)
    return tuple(_row(workspace, version, aliases) for version in found)


def version(workspace: Workspace, ref: str) -> VersionView:
    """Gather everything about one version.

    Raises
    ------
    ModelNotFound, AliasNotFound
        There is no such version.
    """
    found = workspace.registry.resolve(ref)
    aliases = workspace.aliases.all(found.model)
    row = _row(workspace, found, aliases)
    champion = aliases.get("champion")
    against = (
        compare(workspace.registry.get(found.model, champion), found)
        if champion is not None and champion != found.number
        else ()
    )
    columns = found.signature.get("columns", ())
    return VersionView(
        row=row,
        task=found.task,
        metrics=estimates(found.metrics, row.metric.name),
        judgement=workspace.verdicts.of(found),
        lineage=_lineage(workspace, found, row),
        moves=tuple(reversed(workspace.aliases.history(found.model))),
        params=found.params,
        environment=found.environment,
        tags=found.tags,
        signature=tuple(columns) if isinstance(columns, list | tuple) else (),
        files=tuple(sorted((path, str(digest)) for path, digest in found.files.items())),
        champion=champion,
        rollback_to=previous(workspace.aliases, found.model) if champion == found.number else None,
        against_champion=against,
        data_digest=found.data_digest,
        model_digest=found.model_digest,
        evidence=evidence(workspace, found),
        engine=engine(workspace, found),
        requests=workspace.approvals.list(found.model, number=found.number, everything=True, limit=20),
        approvals=approvals_needed(workspace.registry, found),
        origin=found.origin,
        source=found.source,
        unsafe=found.unsafe,
        description=found.description,
        stage=found.stage,
    )


def _row(workspace: Workspace, found: ModelVersion, aliases: Mapping[str, int]) -> VersionRow:
    judgement = workspace.verdicts.of(found)
    deciding = workspace.project.settings.model.metric or ""
    name = deciding if deciding in found.metrics else next(iter(sorted(found.metrics)), "")
    verdicts = judgement.verdicts if judgement else ()
    return VersionRow(
        model=found.model,
        number=found.number,
        ref=found.ref,
        created=found.created,
        family=found.family,
        dataset=found.dataset,
        run_id=found.run_id,
        code_commit=found.code_commit,
        code_clean=found.code_clean,
        aliases=tuple(alias for alias, number in aliases.items() if number == found.number),
        metric=estimate(name, found.metrics.get(name)),
        passed=judgement.passed if judgement else None,
        gates=len(verdicts),
        gates_passed=sum(bool(verdict.get("passed")) for verdict in verdicts),
    )


def _lineage(workspace: Workspace, found: ModelVersion, row: VersionRow) -> Lineage:
    # A digest behind the "@" is of another client's data set, of which there is no page.
    name, _, number = found.dataset.partition("@") if found.origin == "noria" else (found.dataset, "", "")
    endpoint = workspace.project.settings.deploy.endpoint or workspace.project.name
    commit = (found.code_commit or "")[:8]
    code = f"commit {commit}{'' if found.code_clean else ', uncommitted changes'}" if commit else "outside git"
    nodes = [
        Node(
            "dataset",
            found.dataset or "not told",
            f"/datasets/{name}@{number}" if number else None,
            found.data_digest[:12],
        ),
        Node("run", found.run_id[:8], f"/runs/{found.run_id}" if found.run_id else None, code),
        Node("model version", found.ref, f"/models/{quote(found.ref, safe='@')}", found.family, here=True),
    ]
    if "champion" in row.aliases and found.model == workspace.project.name:
        nodes.append(Node("deployment", endpoint, f"/deployments/{endpoint}", "champion"))
    return Lineage(tuple(nodes))
