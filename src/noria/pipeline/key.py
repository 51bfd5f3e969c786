"""The cache key of a step: everything its result depends on, in parts that can be compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from noria.errors import WrongArgument
from noria.pipeline.artifact import ArtifactRef
from noria.pipeline.closure import Closure
from noria.pipeline.step import Step
from noria.store.blobs import Digest, canonical_json, digest_json

__all__ = ["KeyParts", "Reason", "compare", "key_of", "parts_of", "summary"]

SCHEMA = 1
KeyParts = Mapping[str, object]
Part = Literal["new", "code", "library", "parameter", "input", "setting", "output", "forced", "always", "upstream"]

_SHOWN = 60


@dataclass(frozen=True)
class Reason:
    """One thing that makes a step run.

    Parameters
    ----------
    part : Part
        Which part of the key.
    name : str
        The module, library, parameter or step concerned.
    old, new : str
        What it was and is; "" where there was or is none.
    """

    part: Part
    name: str = ""
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.part == "code":
            what = "changed" if self.old and self.new else "is new" if self.new else "is no longer reached"
            return f"code: module {self.name} {what}"
        if self.part == "input":
            return f"input: output of {self.name} changed" if self.old and self.new else f"input: {self.name} is new"
        if self.part in ("parameter", "library", "setting"):
            return f"{self.part}: {self.name} {self.old or 'absent'} -> {self.new or 'absent'}"
        return {
            "new": {"failed": "its last run failed", "interrupted": "its last run was interrupted"}.get(
                self.new, "never run before"
            ),
            "forced": "forced",
            "always": "runs every time (cache = False)",
            "output": f"its stored output is {self.new}",
            "upstream": f"waits for {self.name}",
        }[self.part]


def parts_of(
    step: Step, closure: Closure, libraries: Mapping[str, str], inputs: Mapping[str, ArtifactRef]
) -> dict[str, object]:
    """Collect what a step's result depends on.

    Parameters
    ----------
    step : Step
        The step.
    closure : Closure
        Its code.
    libraries : mapping of str to str
        Distribution -> version.
    inputs : mapping of str to ArtifactRef
        Parameter -> output it gets; those not known yet are left out.

    Raises
    ------
    WrongArgument
        A parameter is no JSON value.
    """
    for name, value in step.params.items():
        try:
            canonical_json(value)
        except (TypeError, ValueError) as error:
            raise WrongArgument(
                f"parameter {name!r} of step {step.name!r} is no JSON value: got {value!r}",
                why=str(error),
                mend="use text, finite numbers, true, false, and lists or tables of these",
                code="N-PIPELINE-050",
            ) from None
    return {
        "schema": SCHEMA,
        "uses": step.uses,
        "version": step.version,
        "seed": step.seed,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "platform": f"{sys.platform}-{os.uname().machine}",
        "code": dict(closure.modules),
        "libraries": dict(libraries),
        "params": dict(step.params),
        "inputs": {name: [ref.kind, ref.digest] for name, ref in inputs.items()},
    }


def key_of(parts: KeyParts) -> Digest:
    """Name the parts by one digest."""
    return digest_json(parts)


def compare(old: KeyParts, new: KeyParts, step: Step, *, partly: bool = False) -> tuple[Reason, ...]:
    """Say which parts differ.

    Parameters
    ----------
    old, new : KeyParts
        Of the last result and of now.
    step : Step
        Tells which step each input comes from.
    partly : bool
        Leave out inputs that are not known yet.
    """
    reasons: list[Reason] = []
    kinds: tuple[tuple[str, Part], ...] = (("code", "code"), ("libraries", "library"), ("params", "parameter"))
    for field, part in kinds:
        was, now = _mapping(old, field), _mapping(new, field)
        for name in _differing(was, now):
            reasons += [Reason(part, *place) for place in _places(name, was, now, name)]
    was, now = _mapping(old, "inputs"), _mapping(new, "inputs")
    reasons += [
        Reason("input", step.inputs.get(name, name), _shown(was, name), _shown(now, name))
        for name in _differing(was, now)
        if not (partly and name not in now and name in step.inputs)
    ]
    reasons += [
        Reason("setting", field, str(old.get(field)), str(new.get(field)))
        for field in ("uses", "version", "seed", "python", "platform", "schema")
        if old.get(field) != new.get(field)
    ]
    return tuple(reasons)


def _mapping(parts: KeyParts, field: str) -> dict[str, object]:
    return cast("dict[str, object]", parts.get(field) or {})


def _differing(was: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    # Compared as they are written: 3, 3.0 and true are one number to Python and three values to a step.
    old, new = ({name: canonical_json(value) for name, value in values.items()} for values in (was, now))
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def _places(path: str, was: Mapping[str, object], now: Mapping[str, object], name: str) -> list[tuple[str, str, str]]:
    # Two long values that are cut look alike: where they differ is looked for inside, until it can be shown whole.
    old, new = (_members(values.get(name)) for values in (was, now))
    if old and new and any(len(canonical_json(values[name])) > _SHOWN for values in (was, now)):
        table = isinstance(now[name], Mapping)
        return [
            place
            for inner in _differing(old, new)
            for place in _places(f"{path}.{inner}" if table else f"{path}[{inner}]", old, new, inner)
        ]
    return [(path, _shown(was, name), _shown(now, name))]


def _members(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return {str(name): member for name, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {str(number): member for number, member in enumerate(value)}
    return {}


def summary(reasons: Sequence[Reason], limit: int = 3) -> str:
    """Join reasons into one line.

    Examples
    --------
    >>> summary([Reason("parameter", "depth", "3", "5"), Reason("input", "clean", "a", "b")])
    'parameter: depth 3 -> 5; input: output of clean changed'
    """
    ours = [reason.name for reason in reasons if reason.part == "code" and reason.name.startswith("noria.")]
    texts = [str(reason) for reason in reasons]
    if len(ours) > 1:  # an upgrade touches many modules at once, which says one thing
        texts = [str(reason) for reason in reasons if reason.part != "code" or reason.name not in ours]
        texts.insert(0, f"code: {len(ours)} modules of noria changed ({ours[0]}, …)")
    more = [f"and {len(texts) - limit} more"] if len(texts) > limit else []
    return "; ".join([*texts[:limit], *more])


def _shown(values: Mapping[str, object], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    text = value if isinstance(value, str) else canonical_json(value)
    text = text if isinstance(value, str) and text else canonical_json(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
