"""What would run, and why: keys from code, libraries, parameters and inputs, held against what is on record."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from noria.pipeline import closure as closures
from noria.pipeline import libraries
from noria.pipeline.cachefile import CacheFile, settled, stamp
from noria.pipeline.key import KeyParts, Reason, compare, key_of, parts_of

if TYPE_CHECKING:
    from noria.pipeline.artifact import ArtifactRef
    from noria.pipeline.closure import Closure
    from noria.pipeline.graph import Graph
    from noria.pipeline.records import Action, Past, Records
    from noria.pipeline.step import Step
    from noria.store.blobs import Blobs, Digest

__all__ = ["Explanation", "Keys", "Objects", "PlannedStep", "Planner", "superseded", "why_run"]

_WIDTH = 100

PlanState = Literal["cached", "run", "unknown"]


@dataclass(frozen=True)
class PlannedStep:
    """What a run would do with one step.

    Parameters
    ----------
    step : str
        Its name.
    key : Digest or None
        Its cache key; None while an input is not known.
    state : {"cached", "run", "unknown"}
        Unknown: it runs if what comes before gives another output than last time.
    reasons : tuple of str
        Why it would run.
    seconds : float or None
        How long it took last time.
    output : ArtifactRef or None
        Of a cached step.
    """

    step: str
    key: Digest | None
    state: PlanState
    reasons: tuple[str, ...]
    seconds: float | None = None
    output: ArtifactRef | None = None


@dataclass(frozen=True)
class Explanation:
    """Why a step would run, or would not.

    Parameters
    ----------
    step, key, state
        As in `PlannedStep`.
    reasons : tuple of Reason
        What changed since the last result.
    run_id, created, seconds
        Of the last result, when there is one.
    modules, libraries : mapping of str to str
        The code and the distributions its key stands for.
    notes : tuple of str
        What its key cannot see.
    """

    step: str
    key: Digest | None
    state: PlanState
    reasons: tuple[Reason, ...]
    run_id: str | None
    created: datetime | None
    seconds: float | None
    modules: Mapping[str, str]
    libraries: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """Say it in lines."""
        head = {"cached": "is up to date", "run": "would run", "unknown": "may run"}[self.state]
        lines = [f"{self.step} {head}", *(f"  {reason}" for reason in self.reasons)]
        if self.created is not None:
            lines.append(f"  last result: run {self.run_id} at {self.created:%Y-%m-%d %H:%M:%S} UTC")
        own = sorted(name for name in self.modules if not name.startswith("noria."))
        lines += _listed(
            "code", f"{', '.join(own) or 'none of yours'}; {len(self.modules) - len(own)} modules of noria"
        )
        lines += _listed("libraries", ", ".join(f"{n}\xa0{v}" for n, v in self.libraries.items()) or "none")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def _listed(title: str, text: str) -> list[str]:
    """Break a long list into lines that stand below each other; a name and its version, with a hard space, stay one."""
    head = f"  {title}: "
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace("\xa0", " ") for line in lines]


class Keys:
    """Makes keys; each step's code is read once.

    Parameters
    ----------
    cache : Path
        Folder of what is remembered between processes.
    """

    def __init__(self, cache: Path) -> None:
        self._modules = CacheFile(cache / "modules.json", closures.LAYOUT)
        self._installed = CacheFile(cache / "libraries.json", libraries.LAYOUT)
        self._sources = closures.Sources(self._modules)
        self._libraries = libraries.Libraries(self._installed)
        self._closures: dict[tuple[str, Path | None], Closure] = {}

    def closure(self, step: Step) -> Closure:
        """Give the code a step reaches."""
        place = (step.module, step.root)
        if place not in self._closures:
            self._closures[place] = self._sources.closure(*place)
        return self._closures[place]

    def parts(self, step: Step, inputs: Mapping[str, ArtifactRef]) -> dict[str, object]:
        """Collect what a step's result depends on."""
        code = self.closure(step)
        return parts_of(step, code, self._libraries.versions(code.libraries), inputs)

    def code(self, module: str, root: Path) -> dict[str, str]:
        """Say what a module that a setting names depends on: the project's modules by digest, libraries by version.

        Parameters
        ----------
        module : str
            Dotted name; beside ``noria.toml``, or of an installed library.
        root : Path
            The project's folder.

        Raises
        ------
        WrongSetting
            A reached file of the project is not valid Python.
        """
        top = module.partition(".")[0]
        if not (root / top).is_dir() and not (root / f"{top}.py").is_file():
            return self._libraries.versions([top])
        found = self._sources.closure(module, root)
        return {**self._libraries.versions(found.libraries), **found.modules}

    def save(self) -> None:
        """Remember what was read."""
        self._modules.save()
        self._installed.save()


class Objects:
    """Says whether stored outputs are still there and whole, reading only what was touched since it last looked.

    Parameters
    ----------
    blobs : Blobs
        The store.
    cache : Path
        Folder of what is remembered between processes.
    """

    def __init__(self, blobs: Blobs, cache: Path) -> None:
        self._blobs = blobs
        self._seen = CacheFile(cache / "objects.json", "1")

    def fault(self, ref: ArtifactRef) -> str:
        """Give "missing", "damaged", or "" when the output is whole."""
        for digest in ref.objects or (ref.digest,):
            now = stamp(self._blobs.kept_at(digest))
            if now is not None and self._seen.get(digest) == now:
                continue
            if not self._blobs.has(digest):
                return "missing"
            if not self._blobs.is_whole(digest):
                self._seen.drop(digest)
                return "damaged"
            if now is not None and settled(now, time.time_ns()):
                self._seen.put(digest, now)
        return ""

    def doubt(self, ref: ArtifactRef) -> None:
        """Read an output's objects again next time: one of them could not be read back."""
        for digest in ref.objects or (ref.digest,):
            self._seen.drop(digest)

    def save(self) -> None:
        """Remember what was found whole."""
        self._seen.save()


class Planner:
    """Foresees a run without doing it.

    Parameters
    ----------
    graph : Graph
        The steps.
    keys, objects, records
        Where code, outputs and past results are looked up.
    """

    def __init__(self, graph: Graph, keys: Keys, objects: Objects, records: Records) -> None:
        self._graph = graph
        self._keys = keys
        self._objects = objects
        self._records = records
        self._recent = records.recent(graph.order())
        self._pasts = records.pasts(graph.order())

    def plan(self, force: Collection[str] = ()) -> list[PlannedStep]:
        """Say of each step what a run would do."""
        walked, outputs = self._walk(force)
        return [
            PlannedStep(
                one.step,
                one.key,
                one.state,
                tuple(str(reason) for reason in one.reasons),
                one.seconds,
                outputs.get(one.step),
            )
            for one in walked.values()
        ]

    def why(self, step: str) -> Explanation:
        """Explain one step."""
        self._graph[step]
        walked, _ = self._walk(())
        return walked[step]

    def _walk(self, force: Collection[str]) -> tuple[dict[str, Explanation], dict[str, ArtifactRef]]:
        outputs: dict[str, ArtifactRef] = {}
        walked: dict[str, Explanation] = {}
        for step in self._graph:
            inputs = {name: outputs[source] for name, source in step.inputs.items() if source in outputs}
            one, output = self._explain(step, inputs, forced=step.name in force)
            walked[step.name] = one
            if output is not None:
                outputs[step.name] = output
        return walked, outputs

    def _explain(
        self, step: Step, inputs: Mapping[str, ArtifactRef], *, forced: bool
    ) -> tuple[Explanation, ArtifactRef | None]:
        parts = self._keys.parts(step, inputs)
        whole = len(inputs) == len(step.inputs)
        key = key_of(parts) if whole else None
        found = None if key is None else self._find(key)
        fault = "" if found is None else self._objects.fault(found.output)
        past = self._pasts[step.name]
        last = found or past.last
        state: PlanState
        if found is not None and not fault and not forced and step.cache and not superseded(step, found, past):
            state, reasons = "cached", tuple[Reason, ...]()
        else:
            reasons = why_run(step, parts, past, self._records, fault=fault, forced=forced, partly=not whole)
            state = "run"
            if not whole:
                pending = [Reason("upstream", source) for name, source in step.inputs.items() if name not in inputs]
                state = "run" if reasons else "unknown"
                reasons = (*reasons, *pending)
        code = self._keys.closure(step)
        libraries_used = parts["libraries"]
        explanation = Explanation(
            step.name,
            key,
            state,
            reasons,
            run_id=last.run_id if last else None,
            created=last.created if last else None,
            seconds=last.seconds if last else None,
            modules=code.modules,
            libraries=libraries_used if isinstance(libraries_used, dict) else {},
            notes=code.notes,
        )
        return explanation, found.output if found is not None and state == "cached" else None

    def _find(self, key: Digest) -> Action | None:
        return self._recent.get(key) or self._records.action(key)


def superseded(step: Step, found: Action, past: Past) -> bool:
    """Say whether a result on record no longer counts, as a later run of its step replaced the records it wrote."""
    return step.writes_records and (past.last is None or past.last.key != found.key or bool(past.broken_off))


def why_run(
    step: Step,
    parts: KeyParts,
    past: Past,
    records: Records,
    *,
    fault: str = "",
    forced: bool = False,
    partly: bool = False,
) -> tuple[Reason, ...]:
    """Collect the reasons a step runs for, against its last result.

    Returns
    -------
    tuple of Reason
        Empty when nothing known so far has changed.
    """
    reasons: list[Reason] = []
    if forced:
        reasons.append(Reason("forced"))
    if not step.cache:
        reasons.append(Reason("always"))
    if fault:
        reasons.append(Reason("output", new=fault))
    before = None if past.last is None else records.parts(past.last.key)
    if before is None:
        return tuple(reasons) if fault else (*reasons, Reason("new", new=past.broken_off))
    changed = compare(before, parts, step, partly=partly)
    if step.writes_records and past.broken_off and not changed and not reasons:
        return (Reason("new", new=past.broken_off),)
    return (*reasons, *changed)
