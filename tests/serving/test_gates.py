"""What gates say of counters, against scipy and against counts that leave no doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noria.serving.gates import Finding, Gates, Labelled, difference, findings, together
from noria.serving.latency import BOUNDS_MS
from noria.serving.tally import Sample

CHAMPION = Sample("live", 1, requests=10_000, failed=10, histogram=[0, 0, 9900, 100] + [0] * 12,
                  scores={100: 5000, 200: 5000})  # fmt: skip


def canary(**more: object) -> Sample:
    told: dict[str, object] = {
        "requests": 1000,
        "histogram": [0, 0, 990, 10] + [0] * 12,
        "scores": {100: 500, 200: 500},
    }
    return Sample("canary", 2, **(told | more))  # type: ignore[arg-type]


def judge(gates: Gates, arm: Sample, *, labelled: Labelled | None = None, seconds: float = 1e6) -> Finding:
    (found,) = findings(gates, arm, CHAMPION, seconds=seconds, labelled=labelled)
    return found


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_the_interval_of_a_difference_is_made_of_wilsons(n: int, m: int, data: st.DataObject) -> None:
    hits, others = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    gap, low, high = difference(hits, n, others, m, z=1.959963984540054)
    one, two = (stats.binomtest(k, size).proportion_ci(0.95, "wilson") for k, size in ((hits, n), (others, m)))
    p, q = hits / n, others / m
    assert gap == pytest.approx(p - q)
    assert low == pytest.approx(p - q - ((p - one.low) ** 2 + (two.high - q) ** 2) ** 0.5)
    assert high == pytest.approx(p - q + ((one.high - p) ** 2 + (q - two.low) ** 2) ** 0.5)
    assert low <= gap <= high


@pytest.mark.parametrize(
    ("failed", "state"), [(0, "pass"), (5, "pass"), (20, "undecided"), (60, "breach"), (1000, "breach")]
)
def test_failures_beyond_the_bound_break_the_gate_when_they_are_proven(failed: int, state: str) -> None:
    assert judge(Gates(errors=0.01), canary(failed=failed)).state == state


def test_before_the_minimum_nothing_is_said() -> None:
    gates = Gates(min_requests=2000, errors=0.01)
    found = judge(gates, canary(failed=1000))
    assert (found.gate, found.state) == ("requests", "undecided")
    assert judge(Gates(min_seconds=60.0, errors=0.01), canary(failed=1000), seconds=59.0).state == "undecided"
    assert judge(Gates(min_seconds=60.0, errors=0.01), canary(failed=1000), seconds=60.0).state == "breach"


@pytest.mark.parametrize(
    ("histogram", "state"),
    [
        ([0, 0, 990, 10] + [0] * 12, "pass"),
        ([0, 0, 500, 490, 10] + [0] * 11, "pass"),  # within twice
        ([0, 0, 0, 0, 0, 900, 100] + [0] * 9, "breach"),
        ([0, 0, 985, 0, 0, 0, 15] + [0] * 9, "pass"),  # slow, and not proven to be more than one in a hundred
    ],
)
def test_a_slow_arm_breaks_the_gate_when_it_is_proven(histogram: list[int], state: str) -> None:
    assert sum(histogram) == 1000
    assert len(histogram) == len(BOUNDS_MS) + 1
    found = judge(Gates(p99_ratio=2.0), canary(histogram=histogram))
    assert found.state == state
    assert found.value is not None


def test_scores_that_moved_break_the_gate() -> None:
    assert judge(Gates(psi=0.2), canary()).state == "pass"
    assert judge(Gates(psi=0.2), canary(scores={100: 950, 200: 50})).state == "breach"
    assert judge(Gates(psi=0.2), canary(scores={})).state == "undecided"


@pytest.mark.parametrize(
    ("labelled", "state"),
    [
        (None, "undecided"),
        (Labelled("roc_auc", -0.10, -0.13, -0.07, 500), "breach"),
        (Labelled("roc_auc", -0.03, -0.07, 0.01, 500), "undecided"),
        (Labelled("roc_auc", 0.01, -0.01, 0.03, 500), "pass"),
    ],
)
def test_labels_decide_by_their_interval(labelled: Labelled | None, state: str) -> None:
    assert judge(Gates(metric_loss=0.05), canary(), labelled=labelled).state == state


def test_one_breach_is_a_breach_and_without_gates_nothing_is_found() -> None:
    gates = Gates(errors=0.01, psi=0.2, metric_loss=0.05)
    found = findings(gates, canary(failed=500), CHAMPION, seconds=1e6, labelled=None)
    assert [each.state for each in found] == ["breach", "pass", "undecided"]
    assert together(found) == "breach"
    assert together(found[1:]) == "undecided"
    assert together(found[1:2]) == "pass"
    assert findings(Gates(), canary(failed=1000), CHAMPION, seconds=1e6, labelled=None) == []


def test_a_finding_comes_back_as_it_was_written() -> None:
    found = judge(Gates(errors=0.01), canary(failed=60))
    assert Finding.from_json(found.to_json()) == found
