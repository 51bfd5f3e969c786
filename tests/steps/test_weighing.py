"""What the finalists of a selection would cost in production."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from loans import FILE, start, turn

from noria.cli.run import finalist_lines
from noria.registry.catalog import Registry
from noria.steps import weighing
from noria.steps.turn import TurnResult

SEVERAL = FILE.replace("trials = 1", 'trials = 5\nensemble = "always"').replace(
    '["logistic"]', '["discriminant", "svm", "naive_bayes", "tree"]'
)


def ran(root: Path, text: str) -> tuple[TurnResult, list[dict[str, Any]]]:
    start(root, text)
    made = turn(root)
    result = made.run()
    assert result.ok, result.error
    registry = Registry(made.database, made.blobs)
    selection = json.loads(registry.file(registry.get("loans", result.version or 1), "selection.json"))
    return result, selection.get("finalists", [])


def test_every_finalist_is_measured(tmp_path: Path) -> None:
    result, finalists = ran(tmp_path, SEVERAL)
    assert [each["kind"] for each in finalists] == ["single", "ensemble", "glass box"]
    for each in finalists:
        assert 0 < each["latency_ms"] < 1000
        assert each["size_kb"] > 1
    single, ensemble, _ = finalists
    if single["name"] in ensemble["members"]:
        assert ensemble["size_kb"] > single["size_kb"]
    lines = finalist_lines(result)
    assert len(lines) == 4
    assert sum("chosen: " in line for line in lines) == 1
    assert "–" not in "".join(lines)
    assert turn(tmp_path).run().finalists == result.finalists


def test_one_candidate_is_no_choice(tmp_path: Path) -> None:
    result, finalists = ran(tmp_path, FILE)
    assert finalist_lines(result) == []
    assert all(each["latency_ms"] is None for each in finalists)


def test_without_time_the_others_stay_unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Found:
        value = 0.5

    monkeypatch.setattr(weighing, "latency", lambda model, *_, **__: asked.append(model) or Found)
    monkeypatch.setattr(weighing, "signature_of", lambda *_: None)
    monkeypatch.setattr(weighing.formats, "save", lambda model, trusted: {"a": b"1000"})
    from noria.training.candidate import CandidateResult, Finalist, Selection

    def finalist(kind: Any, *, chosen: bool) -> Finalist:
        return Finalist(kind, kind, {kind: 1.0}, 0.1, 0.0, chosen, "")

    one, few = object(), object()
    selection = Selection(
        CandidateResult("a", "a", {}),
        one,  # type: ignore[arg-type] # never asked
        (),
        None,
        None,
        "",
        1.0,
        (finalist("single", chosen=False), finalist("ensemble", chosen=True), finalist("glass box", chosen=False)),
        models={"single": one, "ensemble": few, "glass box": one},  # type: ignore[dict-item]
    )
    times = iter([1.5, 0.4, 0.3, 0.2])
    made = weighing.weighed(selection, {}, None, trusted={}, left=lambda: next(times))  # type: ignore[arg-type,typeddict-item]
    assert asked == [few]
    assert [each.latency_ms for each in made.finalists] == [None, 0.5, None]
