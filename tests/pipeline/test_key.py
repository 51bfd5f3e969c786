"""Keys stand for their parts, and say which part differs."""

from __future__ import annotations

from noria.pipeline.artifact import ArtifactRef
from noria.pipeline.closure import Closure
from noria.pipeline.key import Reason, compare, key_of, parts_of, summary
from noria.pipeline.step import Step
from noria.store.blobs import Digest

STEP = Step("train", "pipeline:train", {"table": "clean"}, {"depth": 3})
CODE = Closure({"pipeline": "1", "helper": "1"}, frozenset({"numpy"}), (), {})
INPUT = {"table": ArtifactRef("table", Digest("a" * 64))}
PARTS = parts_of(STEP, CODE, {"numpy": "1.0"}, INPUT)


def test_the_order_parts_are_given_in_does_not_matter() -> None:
    turned = Closure(dict(reversed(CODE.modules.items())), CODE.libraries, (), {})
    assert key_of(parts_of(STEP, turned, {"numpy": "1.0"}, INPUT)) == key_of(PARTS)


def test_equal_parts_differ_in_nothing() -> None:
    assert compare(PARTS, PARTS, STEP) == ()


def test_every_part_is_told_with_old_and_new() -> None:
    now = {
        **PARTS,
        "code": {"pipeline": "2", "extra": "1"},
        "libraries": {"scipy": "2"},
        "params": {"depth": 3.0, "rate": None},
        "inputs": {"table": ["table", "b" * 64]},
        "python": "3.99",
        "seed": 8,
    }
    assert [str(reason) for reason in compare(PARTS, now, STEP)] == [
        "code: module extra is new",
        "code: module helper is no longer reached",
        "code: module pipeline changed",
        "library: numpy 1.0 -> absent",
        "library: scipy absent -> 2",
        "parameter: depth 3 -> 3.0",
        "parameter: rate absent -> null",
        "input: output of clean changed",
        "setting: seed 7 -> 8",
        f"setting: python {PARTS['python']} -> 3.99",
    ]


def test_an_input_that_is_not_known_yet_is_left_out() -> None:
    now = {**PARTS, "inputs": {}}
    assert compare(PARTS, now, STEP, partly=True) == ()
    assert len(compare(PARTS, now, STEP)) == 1


def test_long_values_are_cut() -> None:
    (reason,) = compare(PARTS, {**PARTS, "params": {"depth": "x" * 1000}}, STEP)
    assert len(reason.new) == 60
    assert reason.new.endswith("…")


def test_of_long_values_the_part_that_differs_is_told() -> None:
    many = {f"setting_{number}": number for number in range(20)}
    gates = [{"metric": "roc_auc", "min": 0.75, "max": None, "against": None, "margin": None}, {"metric": "recall"}]
    was = {"model": {**many, "candidates": ["tree", "forest"], "grid": {"C": [1]}}, "gates": gates, "few": {"a": 1}}
    now = {
        "model": {**many, "candidates": ["tree", "forest", "svm"], "grid": {"C": [1]}, "budget": "20s"},
        "gates": [{**gates[0], "min": 0.9}, {"metric": "recall"}, {"metric": "brier"}],
        "few": {"a": 2},
    }
    assert [str(reason) for reason in compare({**PARTS, "params": was}, {**PARTS, "params": now}, STEP)] == [
        'parameter: few {"a":1} -> {"a":2}',
        "parameter: gates[0].min 0.75 -> 0.9",
        'parameter: gates[2] absent -> {"metric":"brier"}',
        "parameter: model.budget absent -> 20s",
        'parameter: model.candidates ["tree","forest"] -> ["tree","forest","svm"]',
    ]


def test_a_long_value_of_another_kind_is_told_whole() -> None:
    was, now = {"model": {str(number): number for number in range(30)}}, {"model": "x" * 100}
    (reason,) = compare({**PARTS, "params": was}, {**PARTS, "params": now}, STEP)
    assert (reason.name, reason.new) == ("model", "x" * 59 + "…")


def test_an_upgrade_of_noria_says_one_thing() -> None:
    reasons = [Reason("code", f"noria.m{n}", "1", "2") for n in range(9)] + [Reason("parameter", "a", "1", "2")]
    assert summary(reasons) == "code: 9 modules of noria changed (noria.m0, …); parameter: a 1 -> 2"
    assert summary([Reason("library", str(n), "1", "2") for n in range(5)]).endswith("; and 2 more")
