"""Who answers whom: by the document alone, the same everywhere, and moved only where a canary grows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.serving.document import WHOLE, Arm, Document, arms_from_json, assign
from noria.serving.gates import Gates
from noria.serving.rollout import bucket

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = st.text(max_size=40)


def canary(weight: int) -> tuple[Arm, ...]:
    return Arm(1, WHOLE - weight), Arm(2, weight, name="canary")


@given(KEYS, KEYS, st.integers(0, WHOLE), st.integers(0, WHOLE))
def test_a_canary_that_grows_only_takes_keys_in(key: str, salt: str, weight: int, other: int) -> None:
    small, large = sorted((weight, other))
    place = bucket(key, salt)
    before, after = assign(canary(small), place).version, assign(canary(large), place).version
    assert (before, after) in {(1, 1), (1, 2), (2, 2)}


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8))
def test_every_bucket_has_one_arm_and_each_arm_its_weight(weights: list[int]) -> None:
    rest = WHOLE - sum(weights)
    arms = (Arm(0, rest), *(Arm(n, weight, name=f"arm{n}") for n, weight in enumerate(weights, 1)))
    counts = dict.fromkeys(range(len(arms)), 0)
    for place in range(WHOLE):
        counts[assign(arms, place).version] += 1
    assert counts == {arm.version: arm.weight for arm in arms}


def test_shadows_and_stand_bys_answer_nobody() -> None:
    arms = (Arm(1, WHOLE), Arm(2, 0, "shadow", "shadow"), Arm(3, 0, name="standby"))
    assert {assign(arms, place).version for place in range(WHOLE)} == {1}
    assert [arm.version for arm in Document(1, arms, AT).candidates] == [2]


@pytest.mark.parametrize("weight", [500, 2500, 5000])
def test_keys_fall_as_the_weights_say(weight: int) -> None:
    keys = 20_000
    hits = sum(assign(canary(weight), bucket(f"customer {n}", "7")).version == 2 for n in range(keys))
    share = weight / WHOLE
    assert abs(hits / keys - share) < 5 * (share * (1 - share) / keys) ** 0.5


def test_another_salt_has_other_keys_first() -> None:
    first, second = ({n for n in range(2000) if assign(canary(1000), bucket(str(n), salt)).version == 2}
                     for salt in ("3", "8"))  # fmt: skip
    assert first != second
    assert len(first & second) < len(first) / 2


def test_arms_and_gates_come_back_as_they_were_written() -> None:
    arms = (Arm(1, 9500), Arm(2, 500, "live", "canary"), Arm(3, 0, "shadow", "shadow"))
    assert arms_from_json([arm.to_json() for arm in arms]) == arms
    gates = Gates(7, 1.5, 0.01, 2.0, None, 0.1, 60.0)
    assert Gates.from_json(gates.to_json()) == gates
