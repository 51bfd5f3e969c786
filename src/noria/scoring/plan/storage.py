"""A plan as two files: JSON for what is said, arrays for what is numbers. No code comes with it, and none is run."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from noria.scoring.plan.blocks import keep_block, restore_block
from noria.scoring.plan.heads import restore_head
from noria.scoring.plan.plan import Plan
from noria.scoring.plan.stages import keep_stage, restore_stage
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["ARRAYS", "FORMAT", "PLAN", "dumps", "loads"]

FORMAT = 1
"""Number of this layout; readers of older numbers are kept when it grows."""

PLAN, ARRAYS = "plan.json", "plan.npz"

_TASKS = ("regression", "classification", "clustering")
_DTYPES = frozenset({"float64", "float32", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "bool"})
_MOST_BYTES = 4 << 30


def dumps(plan: Plan) -> dict[str, bytes]:
    """Write a plan as files; equal plans give equal bytes.

    Returns
    -------
    dict of str to bytes
        ``plan.json`` and ``plan.npz``.
    """
    arrays: dict[str, NDArray[np.generic]] = {}

    def kept(prefix: str, parts: tuple[Facts, Arrays]) -> Facts:
        arrays.update({f"{prefix}/{name}": one for name, one in parts[1].items()})
        return parts[0]

    facts = {
        "format": FORMAT,
        "task": plan.task,
        "family": plan.family,
        "classes": None if plan.classes is None else list(plan.classes),
        "blocks": [kept(f"block{number}", keep_block(block)) for number, block in enumerate(plan.blocks)],
        "stages": [kept(f"stage{number}", keep_stage(stage)) for number, stage in enumerate(plan.stages)],
        "head": {"kind": plan.head.kind, **kept("head", (plan.head.facts(), plan.head.arrays()))},
        "takes_missing": plan.takes_missing,
        "made_with": dict(plan.made_with),
    }
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **{name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
    return {PLAN: json.dumps(facts, sort_keys=True, ensure_ascii=False).encode(), ARRAYS: out.getvalue()}


def loads(files: Mapping[str, bytes]) -> Plan:
    """Build a plan again; each part is checked to fit the next.

    Raises
    ------
    Unsound
        A file is missing or damaged, of another format, or its parts do not fit together.
    """
    facts = _facts(files.get(PLAN, b""))
    arrays = _arrays(files.get(ARRAYS, b""))
    blocks, stages, head = facts.get("blocks"), facts.get("stages"), facts.get("head")
    if not _dicts(blocks) or not blocks or not _dicts(stages) or not isinstance(head, dict):
        raise Unsound("plan.json does not name its blocks, stages and head")
    task, classes, made_with = facts.get("task"), facts.get("classes"), facts.get("made_with", {})
    if task not in _TASKS or (classes is not None) != (task == "classification") or not isinstance(made_with, dict):
        raise Unsound(f"the plan is for {task!r}")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(one, (str, int)) for one in classes)):
        raise Unsound("the classes are no texts and no whole numbers")
    if not isinstance(facts.get("takes_missing"), bool):
        raise Unsound("the plan does not say whether it takes missing values")
    plan = Plan(
        task=task,  # type: ignore[arg-type]  # checked above
        classes=None if classes is None else tuple(cast("list[str | int | bool]", classes)),
        blocks=tuple(
            restore_block(one, _under(arrays, f"block{number}"))
            for number, one in enumerate(cast("list[Facts]", blocks))
        ),
        stages=tuple(
            restore_stage(one, _under(arrays, f"stage{number}"))
            for number, one in enumerate(cast("list[Facts]", stages))
        ),
        head=restore_head(str(head.get("kind")), head, _under(arrays, "head")),
        family=str(facts.get("family", "")),
        takes_missing=bool(facts["takes_missing"]),
        made_with={str(name): str(one) for name, one in made_with.items()},
    )
    _fits(plan)
    return plan


def _fits(plan: Plan) -> None:
    """Answer one row of zeros: a head for another width would say so now, and not to the first client."""
    row = np.zeros((1, plan.width))
    try:
        said = plan.head.answer(row)
    except (ValueError, IndexError, TypeError) as error:
        raise Unsound(f"the head does not take {plan.width} columns: {error}") from None
    wanted = (1, len(plan.classes)) if plan.classes is not None else (1,)
    if said.shape != wanted:
        raise Unsound(f"the head answers {said.shape}, not {wanted}")


def _facts(data: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Unsound("plan.json is missing or no JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        got = found.get("format") if isinstance(found, dict) else None
        raise Unsound(f"the plan has format {got!r}; this noria reads format {FORMAT}")
    return found


def _arrays(data: bytes) -> Arrays:
    made: dict[str, NDArray[np.generic]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise Unsound("plan.npz unpacks to more than 4 GiB")
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            for name in held.files:
                made[name] = held[name]
    except (ValueError, OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Unsound(f"plan.npz cannot be read: {error}") from None
    for name, one in made.items():
        if one.dtype.name not in _DTYPES:
            raise Unsound(f"the array {name!r} holds {one.dtype.name}")
    return made


def _under(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(f"{prefix}/"): one for name, one in arrays.items() if name.startswith(f"{prefix}/")}


def _dicts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)
