"""Histories of metrics, as the protocol has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from typing import TYPE_CHECKING, Annotated

import msgspec

from noria.errors import RunNotFound
from noria.runs.curves import Curve, read_curve
from noria.runs.run import MetricPoint
from noria.server.mlflow import answers
from noria.server.mlflow.answers import Json
from noria.server.mlflow.desk import Desk
from noria.server.mlflow.forms import Form, OfRun, Required, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["history", "history_bulk", "history_interval"]

_MOST = 25_000
_MOST_INTERVAL = 2_500
_MOST_RUNS = 100

Runs = Annotated[tuple[str, ...], msgspec.Meta(max_length=_MOST_RUNS)]


class History(OfRun):
    """metrics/get-history."""

    metric_key: Required
    max_results: Annotated[int, msgspec.Meta(ge=1)] | None = None
    page_token: str = ""


class Bulk(Form):
    """metrics/get-history-bulk."""

    metric_key: Required
    run_id: Runs = ()
    max_results: Annotated[int, msgspec.Meta(ge=1, le=_MOST)] = _MOST


class Interval(Form):
    """metrics/get-history-bulk-interval."""

    metric_key: Required
    run_ids: Runs = ()
    start_step: int | None = None
    end_step: int | None = None
    max_results: Annotated[int, msgspec.Meta(ge=1, le=_MOST_INTERVAL)] = _MOST_INTERVAL


def history(desk: Desk, form: History) -> Json:
    """Give the values of a metric by time, step, value; all of them, unless a page is asked for."""
    run, key, most = form.run, form.metric_key, form.max_results
    after = _from_token(form.page_token, run, key) if form.page_token else None
    if most is None and after is None:
        return _curve(key, read_curve(desk.database, run, key))
    # One more than asked for says whether there is another page.
    points = desk.runs.history(run, key, limit=None if most is None else most + 1, after=after)
    shown = points[:most]
    following = _to_token(shown[-1], run, key) if len(shown) < len(points) else None
    return answers.page("metrics", [answers.metric(key, point) for point in shown], following)


def history_bulk(desk: Desk, form: Bulk) -> Json:
    """Give the first values of a metric of several runs."""
    if not form.run_id:
        wrong("run_id", form.run_id, "name at least one run")
    found: list[Json] = []
    for run in sorted(form.run_id):
        found += _of_run(desk, run, form.metric_key, limit=form.max_results - len(found))
        if len(found) >= form.max_results:
            break
    return {"metrics": found} if found else {}


def history_interval(desk: Desk, form: Interval) -> Json:
    """Give values of a metric of several runs at steps spread evenly over those there are."""
    if not form.run_ids:
        wrong("run_ids", form.run_ids, "name at least one run")
    first = -math.inf if form.start_step is None else form.start_step
    last = math.inf if form.end_step is None else form.end_step
    if (form.start_step is None) != (form.end_step is None) or first > last:
        wrong("start_step", form.start_step, "give a first and a last step, the first not after the last, or neither")
    curves = {
        run: [point for point in desk.runs.history(run, form.metric_key) if first <= point.step <= last]
        for run in dict.fromkeys(form.run_ids)
    }
    kept = _spread(sorted({point.step for curve in curves.values() for point in curve}), form.max_results)
    for curve in curves.values():
        # The ends of every curve are shown, wherever the others end.
        kept |= {point.step for point in (*curve[:1], *curve[-1:])}
    found: list[Json] = []
    for run, curve in curves.items():
        chosen = sorted((point for point in curve if point.step in kept), key=lambda point: (point.step, point.at_ms))
        found += [{**answers.metric(form.metric_key, point), "run_id": run} for point in chosen[:_MOST]]
    return {"metrics": found} if found else {}


def _curve(key: str, curve: Curve) -> Json:
    """Write a whole history: as text at once, for there may be hundreds of thousands of points."""
    if not curve.value:
        return {}
    number, isfinite = answers.number, math.isfinite
    before = f'{{"key":{msgspec.json.encode(key).decode()},"value":'
    written = [
        # What Python writes for a finite number is JSON.
        f'{before}{value!r},"timestamp":{at_ms},"step":{step}}}'
        if isfinite(value)
        else f'{before}{msgspec.json.encode(number(value)).decode()},"timestamp":{at_ms},"step":{step}}}'
        for step, at_ms, value in zip(curve.step, curve.at_ms, curve.value, strict=True)
    ]
    return {"metrics": msgspec.Raw(f"[{','.join(written)}]".encode())}


def _of_run(desk: Desk, run: str, key: str, *, limit: int) -> list[Json]:
    try:
        points = desk.runs.history(run, key, limit=limit)
    except RunNotFound:
        return []
    return [{**answers.metric(key, point), "run_id": run} for point in points]


def _spread(steps: Sequence[int], most: int) -> set[int]:
    """Choose steps that lie evenly among all, first and last included.

    Examples
    --------
    >>> sorted(_spread(range(0, 100, 10), 4))
    [0, 30, 60, 90]
    """
    if len(steps) <= most:
        return set(steps)
    if most == 1:
        return {steps[-1]}
    return {steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)}


def _mark(run: str, key: str) -> str:
    return hashlib.sha256(f"{run}\x00{key}".encode()).hexdigest()[:16]


def _to_token(point: MetricPoint, run: str, key: str) -> str:
    fields = (_mark(run, key), str(point.at_ms), str(point.step), point.value.hex())
    return base64.urlsafe_b64encode("|".join(fields).encode()).decode()


def _from_token(token: str, run: str, key: str) -> MetricPoint:
    try:
        mark, at_ms, step, value = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii").split("|")
        if mark == _mark(run, key):
            return MetricPoint(_int64(step), float.fromhex(value), _int64(at_ms))
    except (ValueError, binascii.Error, OverflowError):
        pass
    wrong("page_token", token, "it is not from a page of this history")


def _int64(text: str) -> int:
    value = int(text[:20])
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(text)
    return value
