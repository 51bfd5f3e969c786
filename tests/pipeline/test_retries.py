"""A failed step is tried again where the project file says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from noria.pipeline.graph import Graph

if TYPE_CHECKING:
    from conftest import Workshop
    from noria.pipeline.event import Outcome

FLAKY = """
import os, pathlib
from noria.errors import WrongSetting

@step
def flaky():
    trace("flaky")
    tries = len(pathlib.Path("trace.log").read_text().splitlines())
    if tries < 2:
        {failure}
    return tries

@step
def after(flaky):
    trace("after")
    return flaky + 1
"""


def run(workshop: Workshop, retries: int) -> Outcome:
    graph = Graph(replace(step, retries=retries) for step in workshop.graph())
    return workshop.engine().run(graph, run_id="r1", on_event=workshop.events.append)


@pytest.mark.parametrize("failure", ["raise OSError('the line is down')", "os._exit(3)"])
def test_what_passes_the_second_time(workshop: Workshop, failure: str) -> None:
    workshop.pipeline(FLAKY.format(failure=failure))
    outcome = run(workshop, 2)
    assert outcome.ok
    assert workshop.traced() == ["flaky", "flaky", "after"]
    assert outcome.failed == {}
    told = [event.text for event in workshop.events if event.kind == "note"]
    assert len(told) == 1
    assert told[0].endswith("tried again in 1 s (1 of 2)")


def test_what_keeps_failing_fails(workshop: Workshop) -> None:
    workshop.pipeline(FLAKY.format(failure="raise OSError('gone')").replace("tries < 2", "tries < 9"))
    outcome = run(workshop, 1)
    assert not outcome.ok
    assert workshop.traced() == ["flaky", "flaky"]
    assert outcome.states == {"flaky": "failed", "after": "skipped"}


def test_what_is_wrong_is_not_tried_again(workshop: Workshop) -> None:
    workshop.pipeline(FLAKY.format(failure="raise WrongSetting('no such column', code='N-X-001')"))
    outcome = run(workshop, 3)
    assert workshop.traced() == ["flaky"]
    assert outcome.failed["flaky"].what == "no such column"


def test_a_step_that_rests_does_not_outlive_another_s_failure(workshop: Workshop) -> None:
    workshop.pipeline(
        """
        @step
        def resting():
            raise OSError("the line is down")

        @step
        def broken():
            trace("broken")
            raise OSError("for good")
        """
    )
    graph = Graph(replace(step, retries=10 if step.name == "resting" else 0) for step in workshop.graph())
    outcome = workshop.engine().run(graph, run_id="r1", on_event=workshop.events.append)
    assert outcome.states == {"resting": "skipped", "broken": "failed"}
