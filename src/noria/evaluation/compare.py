"""What changed between two recorded runs, as a comment on a pull request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from noria.evaluation.catalogue import DEFAULTS, DEFINITIONS
from noria.evaluation.wording import change, estimate, plain, title_of
from noria.plots.markdown_page import escape, table

__all__ = ["markdown", "marker"]

_MOST_FEATURES = 12


def marker(project: str) -> str:
    """Give the hidden line by which a comment is found again and replaced.

    Examples
    --------
    >>> marker("credit-risk")
    '<!-- noria:report:credit-risk -->'
    """
    safe = re.sub(r"[^\w.]+", "-", project).strip("-") or "model"  # two hyphens would end the comment
    return f"<!-- noria:report:{safe} -->"


def markdown(
    base: Mapping[str, object] | None,
    head: Mapping[str, object],
    *,
    project: str = "",
    base_name: str = "base",
    head_name: str = "this branch",
) -> str:
    """Compare two records of runs, as ``noria.lock`` keeps them.

    Parameters
    ----------
    base, head : mapping
        Sections ``data`` (``name``, ``number``, ``digest``, ``rows``, ``features`` …), ``model`` (``family``,
        ``version``, ``digest``), ``params``, ``metrics`` (name -> value, low, high; the one that decides first, or
        ``metric`` at the top) and ``gates`` (text -> passed, message). None: nothing was recorded there.
    project : str
        Goes into the heading and the hidden marker.
    base_name, head_name : str
        How the two are called, as ``main`` and a commit.

    Examples
    --------
    >>> one = {"metrics": {"roc_auc": {"value": 0.78, "low": 0.74, "high": 0.82}}}
    >>> print(markdown(one, one, project="credit").splitlines()[2])
    ## noria: credit
    """
    base = base or {}
    parts = [
        marker(project) if project else marker("model"),
        f"## noria: {escape(project)}" if project else "## noria",
        _summary(base, head, base_name, head_name),
        _gates(base, head),
        _metrics(base, head, base_name, head_name),
        _changes("Data", _data(base), _data(head), base_name, head_name),
        _features(base, head),
        _changes(
            "Model and parameters", _model(base), _model(head), base_name, head_name,
        ),
        _steps(base, head),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(base: Mapping[str, Any], head: Mapping[str, Any], base_name: str, head_name: str) -> str:
    gates = _mapping(head.get("gates"))
    failed = [text for text, verdict in gates.items() if not _mapping(verdict).get("passed")]
    lines = []
    if failed:
        lines.append(f"❌ **{len(failed)} of {len(gates)} gates failed.**")
    elif gates:
        lines.append(f"✅ **All {len(gates)} gates passed.**" if len(gates) > 1 else "✅ **The gate passed.**")
    name = _deciding(base, head)
    if not base:
        lines.append(f"{escape(base_name)} recorded no run, so there is nothing to compare with.")
    elif _mapping(base.get("model")).get("digest") and _mapping(base.get("model")).get("digest") == _mapping(
        head.get("model")
    ).get("digest"):
        lines.append(f"The model is the same, byte for byte, as at {escape(base_name)}.")
    elif name:
        before, after = _value(base, name), _value(head, name)
        if before is not None and after is not None:
            lines.append(f"{title_of(name)} {change(after - before, name)}: {_reading(base, head, name)}.")
    lines.append(f"{escape(head_name)} against {escape(base_name)}.")
    return " ".join(lines)


def _gates(base: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    before, after = _mapping(base.get("gates")), _mapping(head.get("gates"))
    if not after and not before:
        return ""
    rows = []
    for text in dict.fromkeys([*after, *before]):
        verdict = _mapping(after.get(text))
        message = str(verdict.get("message") or "")
        rows.append(
            [
                _sign(after.get(text)),
                _sign(before.get(text)),
                escape(text),
                escape(message.partition(": ")[2] or message) if verdict else "no longer asked",
            ]
        )
    return "### Gates\n\n" + table([("Now", False), ("Before", False), ("Gate", False), ("Found", False)], rows)


def _metrics(base: Mapping[str, Any], head: Mapping[str, Any], base_name: str, head_name: str) -> str:
    before, after = _mapping(base.get("metrics")), _mapping(head.get("metrics"))
    deciding = _deciding(base, head)
    known = [name for name in (deciding, *DEFINITIONS) if name and (name in after or name in before)]
    names = list(dict.fromkeys([*known, *after, *before]))
    rows = []
    for name in names:
        old, new = _value(base, name), _value(head, name)
        if old is None and new is None:
            continue
        both = old is not None and new is not None
        title = f"**{escape(title_of(name))}**" if name == deciding else escape(title_of(name))
        rows.append(
            [
                title,
                estimate(before.get(name), name) if old is not None else "–",
                estimate(after.get(name), name) if new is not None else "–",
                change(new - old, name) if both and new is not None and old is not None else "–",
                _reading(base, head, name) if both else "",
            ]
        )
    if not rows:
        return ""
    columns = [
        ("Metric", False),
        (escape(base_name), True),
        (escape(head_name), True),
        ("Change", True),
        ("Reading", False),
    ]
    same = _mapping(base.get("data")).get("digest") == _mapping(head.get("data")).get("digest")
    note = (
        "95 % intervals in brackets. " + ("The data are the same" if same else "The data differ")
        + "; a change is called clear when it is larger than both intervals together allow."
    )  # fmt: skip
    return "### Metrics\n\n" + table(columns, rows) + (f"\n\n{note}" if base else "")


def _reading(base: Mapping[str, Any], head: Mapping[str, Any], name: str) -> str:
    """Say whether a change is more than the two intervals allow, were the test rows different ones."""
    old, new = _value(base, name), _value(head, name)
    if old is None or new is None or name not in DEFINITIONS:
        return ""
    if new == old:
        return "unchanged"
    half = [_half(_mapping(record.get("metrics")).get(name)) for record in (base, head)]
    better = (new > old) == DEFINITIONS[name].greater_is_better
    if None in half:
        return "better" if better else "worse"
    if abs(new - old) > math.hypot(*(width for width in half if width is not None)):
        return "✅ clearly better" if better else "❌ clearly worse"
    return "within the noise"


def _half(value: object) -> float | None:
    if not isinstance(value, Mapping) or value.get("low") is None or value.get("high") is None:
        return None
    return float(value["high"] - value["low"]) / 2


def _changes(
    title: str, before: Mapping[str, object], after: Mapping[str, object], base_name: str, head_name: str
) -> str:
    rows = [
        [escape(name), _told(before.get(name)), _told(after.get(name))]
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]
    if not rows:
        return f"### {title}\n\nNo change." if after else ""
    return f"### {title}\n\n" + table([("", False), (escape(base_name), False), (escape(head_name), False)], rows)


def _data(record: Mapping[str, Any]) -> dict[str, object]:
    data = _mapping(record.get("data"))
    named = {
        "Dataset": f"{data['name']}@{data.get('number')}" if data.get("name") else None,
        "Digest": str(data["digest"])[:12] if data.get("digest") else None,
    }
    skipped = {"name", "number", "digest", "features", "left_out"}
    rest = {_words(name): value for name, value in data.items() if name not in skipped}
    features = data.get("features")
    shown = {"Features": len(features)} if isinstance(features, list) else {}
    return {name: value for name, value in {**named, **rest, **shown}.items() if value is not None}


def _features(base: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    before, after = (_mapping(record.get("data")).get("features") for record in (base, head))
    if not isinstance(before, list) or not isinstance(after, list):
        return ""
    told = [
        f"{word}: {', '.join(escape(str(name)) for name in names[:_MOST_FEATURES])}"
        + (f" and {len(names) - _MOST_FEATURES} more" if len(names) > _MOST_FEATURES else "")
        for word, names in (
            ("Features new", [name for name in after if name not in before]),
            ("Features gone", [name for name in before if name not in after]),
        )
        if names
    ]
    return ". ".join(told) + "." if told else ""


def _model(record: Mapping[str, Any]) -> dict[str, object]:
    model = _mapping(record.get("model"))
    found = {
        "Family": model.get("family"),
        "Version": model.get("version"),
        "Digest": str(model["digest"])[:12] if model.get("digest") else None,
    }
    params = {name: value for name, value in _mapping(record.get("params")).items() if name != "family"}
    return {name: value for name, value in {**found, **params}.items() if value is not None}


def _steps(base: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    before, after = _mapping(base.get("steps")), _mapping(head.get("steps"))
    if not before or not after:
        return ""
    changed = [name for name in after if name in before and _output(before[name]) != _output(after[name])]
    added = [name for name in after if name not in before]
    gone = [name for name in before if name not in after]
    told = [
        f"{word}: {', '.join(escape(name) for name in names)}"
        for word, names in (("other result", changed), ("new", added), ("gone", gone))
        if names
    ]
    return f"### Steps\n\n{'; '.join(told)}." if told else "### Steps\n\nEvery step gave the same result."


def _output(step: object) -> object:
    return step.get("output") if isinstance(step, Mapping) else step


def _deciding(base: Mapping[str, Any], head: Mapping[str, Any]) -> str | None:
    for record in (head, base):
        named = record.get("metric") or _mapping(record.get("model")).get("metric")
        if isinstance(named, str):
            return named
    gated = [text.split(" ", 1)[0] for text in _mapping(head.get("gates"))]
    metrics = _mapping(head.get("metrics"))
    return next((name for name in (*gated, *DEFAULTS.values(), *metrics) if name in metrics), None)


def _value(record: Mapping[str, Any], name: str) -> float | None:
    value = _mapping(record.get("metrics")).get(name)
    if isinstance(value, Mapping):
        value = value.get("value")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sign(verdict: object) -> str:
    if not isinstance(verdict, Mapping):
        return "–"
    return "✅" if verdict.get("passed") else "❌"


def _told(value: object) -> str:
    return "–" if value is None else escape(plain(value))


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
