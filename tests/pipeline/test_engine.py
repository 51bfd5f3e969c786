"""What runs and what does not: caching, early cut-off, forcing, failing, planning, explaining."""

from __future__ import annotations

import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.errors import StepNotFound, WrongSetting
from noria.pipeline.graph import Graph
from noria.pipeline.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workshop
    from noria.pipeline.event import Outcome

CHAIN = """
@step
def numbers(count=4):
    trace("numbers")
    return list(range(count))

@step
def evens(numbers, base=2):
    trace("evens")
    return [n for n in numbers if n % base == 0]

@step
def total(evens, context):
    trace("total")
    context.log_metric("total", sum(evens), step=3)
    context.log_param("base", {"a": 1})
    context.progress(0.5, "half way")
    context.note("adding up")
    print("printed")
    return {"total": sum(evens)}
"""


def test_a_second_run_does_nothing(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    first = workshop.run()
    assert first.ok
    assert first.ran == ("numbers", "evens", "total")
    second = workshop.run()
    assert second.ok
    assert (second.ran, second.cached) == ((), ("numbers", "evens", "total"))
    assert second.outputs == first.outputs
    assert workshop.traced() == ["numbers", "evens", "total"]
    assert workshop.engine().output(second.outputs["total"]) == {"total": 2}


def test_events_tell_the_whole_story(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    workshop.run()
    told = [(event.kind, event.name or event.text, event.value) for event in workshop.events if event.step == "total"]
    assert told == [
        ("step_started", "", None),
        ("metric", "total", 2.0),
        ("param", "base", {"a": 1}),
        ("progress", "half way", 0.5),
        ("note", "adding up", None),
        ("step_finished", "", None),
    ]
    assert [event.at for event in workshop.events if event.kind == "metric"] == [3]
    workshop.run()
    assert [event.kind for event in workshop.events] == ["step_cached"] * 3
    assert all(event.seconds is not None for event in workshop.events)


def test_what_a_step_prints_goes_to_its_log(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    workshop.run()
    logs = {path.name: path.read_text() for path in (workshop.root / ".noria" / "logs").glob("*/*")}
    assert logs == {"total.log": "printed\n"}


def test_a_changed_parameter_runs_what_it_touches(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    workshop.run()
    outcome = workshop.run({"evens": {"base": 3}})
    assert (outcome.cached, outcome.ran) == (("numbers",), ("evens", "total"))
    assert outcome.reasons["evens"] == "parameter: base 2 -> 3"
    assert outcome.reasons["total"] == "input: output of evens changed"
    back = workshop.run()
    assert back.cached == ("numbers", "evens", "total")


def test_records_a_later_run_replaced_are_written_again(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)

    def graph(base: int) -> Graph:
        steps = workshop.graph({"evens": {"base": base}})
        return Graph(replace(step, writes_records=step.name == "evens") for step in steps)

    def run(base: int) -> Outcome:
        return workshop.engine().run(graph(base), run_id=uuid.uuid4().hex)

    first = run(2)
    assert run(2).ran == ()
    run(3)
    planned = {one.step: one for one in workshop.engine().plan(graph(2))}
    assert planned["evens"].state == "run"
    assert planned["evens"].reasons == ("parameter: base 3 -> 2",)
    back = run(2)
    # What it wrote for 3 counts no more; its output is the old one, so that nothing after it runs.
    assert (back.ran, back.cached) == (("evens",), ("numbers", "total"))
    assert back.outputs == first.outputs
    assert run(2).ran == ()


def test_records_of_a_run_broken_off_are_written_again(workshop: Workshop) -> None:
    workshop.pipeline(
        """
        @step
        def judged(bound=1):
            trace("judged")
            if bound > 1:
                raise ValueError(bound)
            return bound
        """
    )

    def run(bound: int) -> Outcome:
        steps = [replace(step, writes_records=True) for step in workshop.graph({"judged": {"bound": bound}})]
        return workshop.engine().run(Graph(steps), run_id=uuid.uuid4().hex)

    assert run(1).ok
    assert not run(2).ok
    again = run(1)
    assert (again.ran, again.reasons["judged"]) == (("judged",), "its last run failed")


def test_an_equal_output_stops_the_wave(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    first = workshop.run({"numbers": {"count": 3}})
    outcome = workshop.run({"numbers": {"count": 4}})
    # 0 and 2 are the even ones of 0..2 as well as of 0..3
    assert outcome.ran == ("numbers", "evens")
    assert outcome.cached == ("total",)
    assert outcome.outputs["evens"] == first.outputs["evens"]


def test_edits_of_comments_run_nothing_and_edits_of_helpers_do(workshop: Workshop) -> None:
    workshop.write("helper.py", "def double(x):\n    return 2 * x\n")
    workshop.pipeline("from helper import double\n@step\ndef a(): return double(1)\n")
    workshop.run()
    workshop.write("helper.py", "def double(x):\n    # twice\n    return 2 * x\n")
    assert workshop.run().cached == ("a",)
    workshop.write("helper.py", "def double(x):\n    return 3 * x\n")
    outcome = workshop.run()
    assert outcome.ran == ("a",)
    assert outcome.reasons["a"] == "code: module helper changed"
    assert workshop.engine().output(outcome.outputs["a"]) == 3


def test_a_library_s_version_is_part_of_the_key(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[..., None]
) -> None:
    site = tmp_path / "site-packages"
    (site / "waterwheel").mkdir(parents=True)
    (site / "waterwheel" / "__init__.py").write_text("def lift(x): return x + 1\n")
    install(site, "waterwheel", "1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    workshop.pipeline("import waterwheel\n@step\ndef a(): return waterwheel.lift(1)\n@step\ndef b(a): return a\n")
    assert workshop.run().ran == ("a", "b")
    assert workshop.run().ran == ()
    install(site, "waterwheel", "2.0")
    outcome = workshop.run()
    assert outcome.ran == ("a", "b")
    assert outcome.reasons["a"] == "library: waterwheel 1.0 -> 2.0"


def test_forcing_runs_that_step_again(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    workshop.run()
    outcome = workshop.run(force=("evens",))
    assert (outcome.ran, outcome.cached) == (("evens",), ("numbers", "total"))
    assert outcome.reasons["evens"] == "forced"
    with pytest.raises(StepNotFound):
        workshop.run(force=("evnes",))


def test_a_step_without_cache_runs_every_time(workshop: Workshop) -> None:
    workshop.pipeline("@step(cache=False)\ndef a():\n    trace('a')\n    return 1\n@step\ndef b(a): return a\n")
    workshop.run()
    outcome = workshop.run()
    assert (outcome.ran, outcome.cached) == (("a",), ("b",))
    assert outcome.reasons["a"] == "runs every time (cache = False)"


def test_two_steps_with_one_key_run_once(workshop: Workshop) -> None:
    workshop.pipeline("def twin():\n    trace('twin')\n    return 1\n")
    same = {"uses": "pipeline:twin", "root": workshop.root}
    graph = Graph([Step("a", **same), Step("b", **same)])  # type: ignore[arg-type]
    outcome = workshop.engine().run(graph, run_id=uuid.uuid4().hex)
    assert outcome.ok
    assert (outcome.ran, outcome.cached) == (("a",), ("b",))
    assert workshop.traced() == ["twin"]


def test_frames_come_as_annotated(workshop: Workshop) -> None:
    workshop.pipeline("""
        import pandas as pd

        @step
        def table():
            return pd.DataFrame({"a": [1, 2]})

        @step
        def kinds(table: pd.DataFrame):
            return type(table).__name__

        @step
        def raw(table):
            return type(table).__name__
    """)
    outcome = workshop.run()
    engine = workshop.engine()
    assert engine.output(outcome.outputs["kinds"]) == "DataFrame"
    assert engine.output(outcome.outputs["raw"]) == "Table"


def test_the_seed_makes_random_steps_repeat(workshop: Workshop) -> None:
    workshop.pipeline("""
        import random
        import numpy as np

        @step
        def a(context):
            return [random.random(), float(np.random.rand()), context.seed, list({"x", "y", "z"})]
    """)
    first = workshop.run()
    second = workshop.run(force=("a",))
    assert second.ran == ("a",)
    assert second.outputs == first.outputs


def test_the_code_that_changes_while_it_runs_is_not_kept(workshop: Workshop) -> None:
    workshop.pipeline("""
        from pathlib import Path
        @step
        def a():
            path = Path("pipeline.py")
            path.write_text(path.read_text() + "\\nX = 1\\n")
            return 1
    """)
    outcome = workshop.run()
    assert outcome.ran == ("a",)
    assert any("changed while it ran" in event.text for event in workshop.events)
    assert workshop.run().ran == ("a",)


def test_the_root_is_the_working_folder_and_searched_first(workshop: Workshop) -> None:
    workshop.write("data/rows.txt", "1\n2\n")
    workshop.pipeline("from pathlib import Path\n@step\ndef a(): return len(Path('data/rows.txt').read_text())\n")
    outcome = workshop.run()
    assert workshop.engine().output(outcome.outputs["a"]) == 4


# -- failing ------------------------------------------------------------------------------------------------


def test_a_failure_names_file_line_and_message(workshop: Workshop) -> None:
    workshop.pipeline("""
        @step
        def a(n=0):
            return divide(1, n)

        def divide(x, y):
            return x / y

        @step
        def b(a):
            return a
    """)
    outcome = workshop.run()
    error = outcome.failed["a"]
    assert error.what == "step 'a' failed: ZeroDivisionError: division by zero"
    assert error.why == "pipeline.py:9, in divide: return x / y"
    assert (error.code, error.exit_status) == ("N-PIPELINE-032", 1)
    log = error.mend.rpartition(" ")[2]
    assert "Traceback" in (workshop.root / log).read_text()
    assert "Traceback" not in error.render()
    assert outcome.states == {"a": "failed", "b": "skipped"}
    assert outcome.reasons["b"] == "a failed"
    assert outcome.error is error
    mended = workshop.run({"a": {"n": 2}})
    assert mended.ok
    assert workshop.run().reasons["a"].startswith("parameter: n 2 -> 0")


def test_a_failed_step_says_so_next_time(workshop: Workshop) -> None:
    workshop.pipeline("@step\ndef a(): raise ValueError('first line\\nsecond line')\n")
    error = workshop.run().failed["a"]
    assert error.what.endswith("ValueError: first line")
    assert error.why.endswith("second line")
    assert workshop.run().reasons["a"] == "its last run failed"


def test_noria_s_own_errors_travel_whole(workshop: Workshop) -> None:
    workshop.pipeline("""
        from noria.errors import GateFailed, NotAllowed

        class Special(NotAllowed):
            pass

        @step
        def a():
            raise GateFailed("auc too low", why="0.7", mend="look", code="N-GATE-001")

        @step
        def b():
            raise Special("no", code="N-X-001")
    """)
    failed = workshop.run(keep_going=True).failed
    assert (type(failed["a"]).__name__, failed["a"].exit_status) == ("GateFailed", 1)
    assert (failed["a"].what, failed["a"].why, failed["a"].mend) == ("auc too low", "0.7", "look")
    assert (type(failed["b"]).__name__, failed["b"].exit_status) == ("NotAllowed", 5)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: no message"),
        ("return object()", "gives back a object"),
        ("import not_there_at_all", "ModuleNotFoundError"),
        ("return float('nan')", "gives back nan"),
    ],
)
def test_whatever_a_step_does_is_told(workshop: Workshop, body: str, said: str) -> None:
    workshop.pipeline(f"@step\ndef a():\n    {body}\n@step\ndef b(): return 1\n")
    outcome = workshop.run(keep_going=True)
    assert said in outcome.failed["a"].what
    assert outcome.states["b"] == "finished"


def test_without_keep_going_nothing_new_is_begun(workshop: Workshop) -> None:
    workshop.pipeline("@step\ndef a(): raise ValueError\n@step\ndef b(): return 1\n")
    outcome = workshop.run(jobs=1)
    assert outcome.states == {"a": "failed", "b": "skipped"}
    assert not outcome.ok
    assert workshop.run(jobs=1, keep_going=True).states == {"a": "failed", "b": "finished"}


def test_a_module_that_breaks_at_import_names_the_line(workshop: Workshop) -> None:
    workshop.write("helper.py", "X = 1\nY = X['a']\n")
    workshop.pipeline("import helper\n@step\ndef a(): return 1\n")
    assert workshop.run().failed["a"].why == "helper.py:2, in <module>: Y = X['a']"


def test_a_missing_function_is_told(workshop: Workshop) -> None:
    workshop.pipeline("def total(): return 1\n")
    graph = Graph([Step("a", "pipeline:totla", root=workshop.root)])
    error = workshop.engine().run(graph, run_id=uuid.uuid4().hex).failed["a"]
    assert isinstance(error, WrongSetting)
    assert error.mend == "did you mean 'total'?"


def test_a_parameter_the_function_lacks_is_told(workshop: Workshop) -> None:
    workshop.pipeline("def total(depth): return 1\n")
    graph = Graph(
        [
            Step("a", "pipeline:total", params={"dept": 1}, root=workshop.root),
            Step("b", "pipeline:total", root=workshop.root),
        ]
    )
    failed = workshop.engine().run(graph, run_id=uuid.uuid4().hex, keep_going=True).failed
    assert "is given 'dept'" in failed["a"].what
    assert failed["a"].mend == "did you mean 'depth'?"
    assert "is not given 'depth'" in failed["b"].what


# -- planning -----------------------------------------------------------------------------------------------


def test_a_plan_says_what_would_run_and_why(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    engine = workshop.engine()
    before = engine.plan(workshop.graph())
    assert [one.state for one in before] == ["run", "run", "run"]
    assert before[0].reasons == ("never run before",)
    assert before[1].reasons == ("never run before", "waits for numbers")
    assert (before[0].key is None, before[1].key is None) == (False, True)
    outcome = workshop.run()
    after = engine.plan(workshop.graph())
    assert {one.step: one.output for one in after} == outcome.outputs
    assert [one.state for one in after] == ["cached"] * 3
    assert all(one.key and one.seconds is not None and not one.reasons for one in after)
    changed = engine.plan(workshop.graph({"evens": {"base": 3}}))
    assert [one.state for one in changed] == ["cached", "run", "unknown"]
    assert changed[1].reasons == ("parameter: base 2 -> 3",)
    assert changed[2].reasons == ("waits for evens",)
    assert [one.state for one in engine.plan(workshop.graph(), force=["numbers"])] == ["run", "unknown", "unknown"]
    assert workshop.traced() == ["numbers", "evens", "total"]


def test_why_names_each_part_that_changed(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    workshop.run()
    engine = workshop.engine()
    calm = engine.why(workshop.graph(), "evens")
    assert (calm.state, calm.reasons) == ("cached", ())
    assert calm.text.startswith("evens is up to date")
    assert set(calm.modules) == {"pipeline", "tracing"}
    workshop.write("tracing.py", "def trace(name): pass\n")
    changed = engine.why(workshop.graph({"evens": {"base": 3}}), "evens")
    assert [(one.part, one.name) for one in changed.reasons] == [
        ("code", "tracing"),
        ("parameter", "base"),
        ("upstream", "numbers"),
    ]
    assert (changed.reasons[1].old, changed.reasons[1].new) == ("2", "3")
    assert "would run" in changed.text
    with pytest.raises(StepNotFound):
        engine.why(workshop.graph(), "evnes")


def test_a_parameter_that_is_no_json_is_told(workshop: Workshop) -> None:
    workshop.pipeline("@step\ndef a(x=1e999): return 1\n")
    assert "'x' of step 'a' is no JSON value" in workshop.run().failed["a"].what


# -- damage -------------------------------------------------------------------------------------------------


def stored(workshop: Workshop, digest: str) -> Path:
    return workshop.blobs.root / digest[:2] / digest


def test_a_missing_output_is_made_again(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    first = workshop.run()
    stored(workshop, first.outputs["evens"].digest).unlink()
    plan = workshop.engine().plan(workshop.graph())
    assert [(one.state, one.reasons) for one in plan][1] == ("run", ("its stored output is missing",))
    outcome = workshop.run()
    assert outcome.ok
    assert (outcome.ran, outcome.cached) == (("evens",), ("numbers", "total"))
    assert outcome.reasons["evens"] == "its stored output is missing"
    assert outcome.outputs == first.outputs


def damage(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def test_a_damaged_output_is_made_again(workshop: Workshop) -> None:
    workshop.pipeline(CHAIN)
    first = workshop.run()
    workshop.run()
    damage(stored(workshop, first.outputs["total"].digest))
    outcome = workshop.run()
    assert (outcome.ok, outcome.ran) == (True, ("total",))
    assert outcome.reasons["total"] == "its stored output is damaged"
    assert workshop.engine().output(outcome.outputs["total"]) == {"total": 2}


def test_damage_found_while_reading_an_input_is_mended_in_the_same_run(workshop: Workshop) -> None:
    workshop.pipeline("""
        from pathlib import Path

        @step
        def a():
            trace("a")
            return [1, 2, 3]

        @step
        def spoil(a):
            # strikes after the runner has looked at the output of a, as a failing disk would
            if not Path("spoilt").exists():
                Path("spoilt").touch()
                for path in Path(".noria/objects").glob("??/*"):
                    if path.read_bytes() == b"[1,2,3]":
                        path.chmod(0o644)
                        path.write_bytes(b"[1,2,4]")
            return 1

        @step
        def b(a, spoil):
            return sum(a)

        @step
        def c(a, spoil):
            return max(a)
    """)
    outcome = workshop.run()
    assert outcome.ok, outcome.failed
    assert workshop.traced() == ["a", "a"]
    assert outcome.reasons["a"] == "its stored output is damaged"
    assert workshop.engine().output(outcome.outputs["b"]) == 6
    assert workshop.engine().output(outcome.outputs["c"]) == 3
    assert any("the stored output of a is damaged" in event.text for event in workshop.events)
