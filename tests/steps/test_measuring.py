"""What gates ask besides the evaluation, on a trained model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from lines import Line, people
from loans import Heard

from noria.errors import NotAllowed
from noria.registry.approvals import Approvals
from noria.registry.catalog import Registry
from noria.registry.promotion import approvals_needed, promote
from noria.registry.verdicts import Verdicts
from noria.steps import measuring

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def verdicts(line: Line) -> dict[str, dict[str, object]]:
    judged = Verdicts(line.context.database).latest("loans", line.gates["model_digest"])
    assert judged is not None
    return {str(one["metric"]): dict(one) for one in judged.verdicts}


def test_speed_size_and_steadiness_have_evidence(context: Heard) -> None:
    line = Line(context, people())
    assert line.gate(
        {"metric": "latency_ms", "max": 1000.0},
        {"metric": "size_kb", "max": 10_000.0},
        {"metric": "fold_sd", "max": 1.0},
        {"metric": "calibration_slope", "min": -9.0, "max": 9.0},
    ), line.notes
    found = verdicts(line)
    assert found["size_kb"]["value"] == sum(map(len, line.train["model"].values())) / 1000
    winner = line.train["selection"]["winner"]
    assert found["fold_sd"]["value"] == winner["sd"]  # type: ignore[index]
    assert found["latency_ms"]["evidence"]["engine"] == "plan"  # type: ignore[index]
    assert not line.gate({"metric": "size_kb", "max": 0.01})
    assert not line.gate({"metric": "fold_sd", "max": 0.0})


def test_the_clock_is_read_around_whole_blocks_and_the_middle_one_counts(context: Heard) -> None:
    line = Line(context, people())
    model, signature = line.model_and_signature()
    # Trying out takes 0.025 s, so that two calls make a block; seven blocks take 1 to 7 tenths of a second.
    times = [0.0, 0.025] + [moment for n in range(1, 8) for moment in (10.0 * n, 10.0 * n + 0.1 * n)]
    found = measuring.latency(model, signature, clock=iter(times).__next__)
    assert found.evidence["calls"] == 2
    assert found.value == pytest.approx(0.4 / 2 * 1000)


def test_the_newest_row_says_how_old_the_data_is() -> None:
    rows = [
        pa.table({"at": pa.array([NOW - timedelta(days=day), None], pa.timestamp("us", "UTC"))}) for day in (9, 4)
    ]  # fmt: skip
    assert measuring.age_days(rows, "at", NOW).value == pytest.approx(4.0)
    none = pa.table({"at": pa.array([None], pa.timestamp("us"))})
    assert measuring.age_days([none], "at", NOW).value is None


def test_data_that_moved_since_the_champion_is_seen(context: Heard) -> None:
    first = Line(context, people())
    assert first.gate({"metric": "data_drift", "max": 0.1}), first.notes
    assert "there is no champion yet" in first.notes
    number = first.register()
    registry = Registry(context.database, context.blobs)
    champion = registry.get("loans", number)
    rng = np.random.default_rng(77)

    def drift(shift: float, missing: float = 0.0) -> measuring.Measured:
        income = rng.normal(size=400) + shift
        gone = rng.random(400) < missing
        rows = pa.table({"income": pa.array(income, mask=gone), "age": rng.normal(size=400), "bad": ["yes"] * 400})
        return measuring.data_drift(registry, champion, rows)

    assert drift(0.0).value == 0.0  # chance alone moves nothing
    moved = drift(0.8)
    assert moved.value is not None
    assert moved.value > 0.25
    assert "income" in moved.told
    assert list(moved.evidence["moved"]) == ["income"]  # type: ignore[call-overload]
    gaps = drift(0.0, missing=0.3)
    assert gaps.value is not None
    assert gaps.value > 0.25
    lost = measuring.data_drift(registry, champion, pa.table({"age": [1.0]}))
    assert lost.value is None
    assert "income, which the data no longer has" in lost.told
    assert first.gate({"metric": "data_drift", "max": 0.1}, champion=number), first.notes


def test_a_version_that_requires_approval_waits_for_another_person(context: Heard) -> None:
    line = Line(context, people())
    assert line.gate({"metric": "roc_auc", "min": 0.5}, {"require": "approval"})
    registry = Registry(context.database, context.blobs)
    version = registry.get("loans", line.register())
    assert registry.approvals() == 0
    assert approvals_needed(registry, version) == 1
    with pytest.raises(NotAllowed, match="when somebody else has agreed") as caught:
        promote(registry, "loans", version.number, actor="ann", reason="better", at=NOW)
    assert 'require = "approval"' in caught.value.render()
    approvals = Approvals(registry)
    asked = approvals.request("loans", version.number, actor="ann", reason="better", at=NOW)
    with pytest.raises(NotAllowed):
        approvals.approve(asked.id, actor="ann", reason="mine", at=NOW)
    _, move = approvals.approve(asked.id, actor="bob", reason="seen", at=NOW)
    assert move is not None
    assert move.new == version.number
    # Without the gate nobody is waited for.
    assert line.gate({"metric": "roc_auc", "min": 0.5})
    assert approvals_needed(registry, version) == 0
