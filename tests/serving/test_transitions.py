"""The machine of documents, against a plain model of it: whatever is asked in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from noria.errors import Conflict, NoriaError, WrongArgument
from noria.serving.document import WHOLE, Document
from noria.serving.gates import Gates
from noria.serving.rollout import Rollout
from noria.serving.transitions import By, begun, noted, paused, promoted, resumed, rolled_back, settled, stepped

START = datetime(2026, 3, 1, tzinfo=UTC)
ROLLOUTS = (
    Rollout(),
    Rollout("canary", (5, 25, 100), 60.0),
    Rollout("canary", (10, 50), 60.0),
    Rollout("shadow", (), 60.0),
    Rollout("blue-green", (), 60.0),
    Rollout("blue-green"),
    Rollout("blue-green", gates=Gates(errors=0.1)),
    Rollout("ab", shares=(("a", 70), ("b", 30))),
)


class Machine(RuleBasedStateMachine):
    """The model: which version answered before each steady one, and what is tried at which percentage."""

    @initialize()
    def open(self) -> None:
        self.now = START
        self.documents = [settled(None, 1, self.by(), fallback=0)]
        self.answering: list[int] = [1]  # the way back
        self.trying: int | None = None
        self.waits = False

    def by(self) -> By:
        self.now += timedelta(seconds=1)
        return By("ada", "because", self.now)

    @property
    def newest(self) -> Document:
        return self.documents[-1]

    def add(self, made: Document) -> None:
        self.documents.append(made)

    @rule(version=st.integers(1, 5), rollout=st.sampled_from(ROLLOUTS))
    def start(self, version: int, rollout: Rollout) -> None:
        if version == self.answering[-1]:
            with pytest.raises(WrongArgument, match="champion already"):
                begun(self.newest, [version], rollout, self.by())
            return
        self.add(begun(self.newest, [version], rollout, self.by()))
        self.waits = False
        if self.newest.phase == "steady":
            self.answering.append(version)
            self.trying = None
        else:
            self.trying = version

    @rule()
    def step(self) -> None:
        if self.trying is None:
            with pytest.raises(Conflict):
                stepped(self.newest, self.by())
            return
        before = self.newest.candidates[0].weight
        self.add(stepped(self.newest, self.by()))
        if self.newest.phase == "steady":
            self.finish()
        else:
            assert self.newest.strategy == "canary"
            assert self.newest.candidates[0].weight > before

    @rule()
    def promote(self) -> None:
        if self.trying is None:
            with pytest.raises(Conflict):
                promoted(self.newest, self.by())
            return
        self.add(promoted(self.newest, self.by()))
        self.finish()

    def finish(self) -> None:
        assert self.trying is not None
        self.answering.append(self.trying)
        self.trying, self.waits = None, False

    @rule()
    def roll_back(self) -> None:
        before = self.newest
        if not before.fallback:
            assert len(self.answering) == 1
            assert self.trying is None
            return
        target = self.documents[before.fallback - 1]
        self.add(rolled_back(before, target, self.by()))
        if self.trying is None:
            self.answering.pop()
        self.trying, self.waits = None, False
        assert self.newest.arms == target.arms

    @rule()
    def pause(self) -> None:
        if self.trying is None or self.waits:
            with pytest.raises(Conflict):
                paused(self.newest, self.by())
            return
        self.add(paused(self.newest, self.by()))
        self.waits = True

    @rule()
    def resume(self) -> None:
        if not self.waits:
            with pytest.raises(Conflict):
                resumed(self.newest, self.by())
            return
        self.add(resumed(self.newest, self.by()))
        self.waits = False
        assert self.newest.since == self.newest.at

    @rule()
    def note(self) -> None:
        arms = self.newest.arms
        self.add(noted(self.newest, self.by()))
        assert self.newest.arms == arms

    @precondition(lambda self: hasattr(self, "documents"))
    @invariant()
    def holds(self) -> None:
        document = self.newest
        assert [each.number for each in self.documents] == list(range(1, len(self.documents) + 1))
        assert sum(arm.weight for arm in document.arms if arm.mode == "live") == WHOLE
        assert all(arm.weight == 0 for arm in document.arms if arm.mode == "shadow")
        assert len({arm.name for arm in document.arms}) == len(document.arms)
        assert len({arm.version for arm in document.arms}) == len(document.arms)
        assert document.champion.version == self.answering[-1]
        tried = self.trying
        assert (document.candidate.version if document.candidate else None) == tried
        assert document.phase == ("steady" if tried is None else "paused" if self.waits else "rolling")
        if document.fallback:
            target = self.documents[document.fallback - 1]
            assert target.phase == "steady"
            assert document.fallback < document.number
            # From within a rollout the way back is to its champion, else to the version before.
            assert target.champion.version == self.answering[-1 if tried is not None else -2]
        else:
            assert len(self.answering) == 1
            assert tried is None


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


def first() -> Document:
    return settled(None, 1, By("ada", "first", START), fallback=0)


def test_a_blue_green_switch_keeps_the_old_version_standing_by() -> None:
    by = By("ada", "better", START)
    made = promoted(begun(first(), [2], Rollout("blue-green", (), 60.0), by), by)
    assert [(arm.version, arm.weight, arm.name) for arm in made.arms] == [(2, WHOLE, "live"), (1, 0, "standby")]
    assert made.phase == "steady"
    assert made.candidates == ()


def test_an_ab_test_of_three_names_its_arms_and_is_told_which_won() -> None:
    by = By("ada", "which is best", START)
    rollout = Rollout("ab", shares=(("old", 34), ("b", 33), ("c", 33)))
    made = begun(first(), [2, 3], rollout, by)
    assert [(arm.name, arm.version, arm.weight) for arm in made.arms] == [
        ("old", 1, 3400), ("b", 2, 3300), ("c", 3, 3300)
    ]  # fmt: skip
    with pytest.raises(WrongArgument, match="2 versions are tried: 2, 3"):
        promoted(made, by)
    assert promoted(made, by, version=3).champion.version == 3
    with pytest.raises(WrongArgument, match="version 1 is not tried"):
        promoted(made, by, version=1)


@pytest.mark.parametrize(
    ("versions", "rollout", "what"),
    [
        ([2, 3], Rollout("canary", (5, 100), 60.0), "A/B test only"),
        ([2], Rollout("ab", shares=(("a", 34), ("b", 33), ("c", 33))), "need 2 versions"),
    ],
)
def test_versions_that_do_not_fit_are_told(versions: list[int], rollout: Rollout, what: str) -> None:
    with pytest.raises(NoriaError, match=what):
        begun(first(), versions, rollout, By("ada", "x", START))
