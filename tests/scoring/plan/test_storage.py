"""A plan is kept and comes back the same; a damaged one is refused, never half used."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.plan.blocks import Categories, Dates, Numbers
from noria.scoring.plan.linear import Linear
from noria.scoring.plan.plan import Plan
from noria.scoring.plan.refusals import Incomplete, TooLarge
from noria.scoring.plan.stages import Bound, Impute, Quantiles, Scale, SignedLog, Stretch
from noria.scoring.plan.storage import ARRAYS, PLAN, dumps, loads
from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from collections.abc import Callable

NONE = np.empty(0)
PLANNED = Plan(
    task="classification",
    classes=("bad", "good"),
    blocks=(
        Numbers(
            ("a", "b"),
            (
                Impute(np.array([1.0, 2.0]), np.array([1])),
                Bound(np.full(3, -9.0), np.full(3, 9.0)),
                Scale(np.array([0.5, 0.25, 0.0]), np.array([2.0, 3.0, 1.0])),
                SignedLog(),
                Stretch(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0])),
            ),
        ),
        Numbers(("a",), (Quantiles(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 0.5, 1.0]), normal=False),)),
        Categories(("c", "d"), (("x", "y"), (1.5,)), (np.eye(4, 3), np.arange(3.0)[:, None])),
        Dates(("t",), (Scale(NONE, np.full(7, 2.0)),)),
    ),
    head=Linear(np.arange(16.0)[None, :] / 100, np.array([0.1]), "sigmoid"),
    stages=(Scale(NONE, np.full(15, 4.0)),),
    family="logistic",
    made_with={"numpy": "2"},
)
ROWS = {
    "a": [1.0, None, -3.0],
    "b": [None, 4, True],
    "c": ["x", "new", None],
    "d": [1.5, 2.0, None],
    "t": [datetime(2020, 1, 1), None, datetime(1999, 12, 31, 23, 59)],
}


def planned() -> Plan:
    width = sum(block.width for block in PLANNED.blocks)
    head = Linear(np.arange(float(width))[None, :] / 100, np.array([0.1]), "sigmoid")
    return Plan(
        PLANNED.task, PLANNED.classes, PLANNED.blocks, head, (Scale(NONE, np.full(width, 4.0)),), "logistic", True, {}
    )


def test_a_plan_comes_back_the_same() -> None:
    plan = planned()
    files = dumps(plan)
    assert files == dumps(loads(files)), "equal plans are equal bytes"
    again = loads(files)
    assert again.columns == ("a", "b", "c", "d", "t")
    full = {**ROWS, "a": [1.0, 2.0, -3.0], "t": [datetime(2020, 1, 1)] * 3}
    assert again.answer(full, 3).tobytes() == plan.answer(full, 3).tobytes()
    with pytest.raises(Incomplete):  # a timestamp is missing, nothing fills it in, and no probability is NaN
        again.answer(ROWS, 3)
    assert again.answer({name: [] for name in ROWS}, 0).shape == (0, 2)


def test_many_rows_are_answered_in_parts() -> None:
    plan = planned()
    many = {name: list(values[:1]) * 20_001 for name, values in ROWS.items()}
    said = plan.answer(many, 20_001)
    assert said.shape == (20_001, 2)
    assert len(np.unique(said)) == 2


def test_arrays_of_numbers_are_taken_as_they_are() -> None:
    plan = Plan("regression", None, (Numbers(("a", "b")),), Linear(np.ones((1, 2)), np.zeros(1), "value"))
    assert plan.answer({"a": np.array([1.0, 2.0]), "b": np.array([3, 4])}, 2).tolist() == [4.0, 6.0]  # type: ignore[dict-item]


def rewritten(files: dict[str, bytes], change: Callable[[dict[str, object]], None]) -> dict[str, bytes]:
    facts = json.loads(files[PLAN])
    change(facts)
    return {**files, PLAN: json.dumps(facts).encode()}


def without(files: dict[str, bytes], name: str, instead: np.ndarray | None = None) -> dict[str, bytes]:
    with np.load(io.BytesIO(files[ARRAYS])) as held:
        arrays = {one: held[one] for one in held.files if one != name}
    if instead is not None:
        arrays[name] = instead
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return {**files, ARRAYS: out.getvalue()}


def _set(path: str, value: object) -> Callable[[dict[str, object]], None]:
    def change(facts: dict[str, object]) -> None:
        *way, last = path.split(".")
        here: object = facts
        for step in way:
            here = here[int(step)] if isinstance(here, list) else here[step]  # type: ignore[index]
        if isinstance(here, list):
            here[int(last)] = value
        else:
            here[last] = value  # type: ignore[index]

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 2),
        ("task", "guessing"),
        ("task", "regression"),
        ("classes", None),
        ("classes", [1.5, 2]),
        ("classes", ["one"]),
        ("blocks", []),
        ("blocks", {"0": 1}),
        ("blocks.0.kind", "code"),
        ("blocks.0.columns", []),
        ("blocks.0.columns", ["a"]),
        ("blocks.0.stages.0.kind", "exec"),
        ("blocks.0.stages", None),
        ("blocks.1.stages.0.normal", "yes"),
        ("blocks.2.known", [["x", "y"]]),
        ("blocks.2.known.0", ["x", "x"]),
        ("blocks.2.known.0", ["x", {}]),
        ("blocks.2.known.0", ["x", "y", "z"]),
        ("head.kind", "pickle"),
        ("head", None),
        ("stages.0.kind", "signed"),
        ("made_with", []),
    ],
)
def test_facts_that_do_not_fit_are_refused(path: str, value: object) -> None:
    with pytest.raises(Unsound):
        loads(rewritten(dumps(planned()), _set(path, value)))


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("head/weights", None),
        ("head/weights", np.ones((1, 3))),
        ("head/weights", np.ones((1, 3), dtype=np.complex128)),
        ("head/weights", np.array(["a"])),
        ("block0/stage0/fill", np.ones(3)),
        ("block0/stage0/marks", np.array([2])),
        ("block0/stage0/marks", np.array([-1])),
        ("block0/stage0/marks", np.array([1.0])),
        ("block1/stage0/references", np.zeros(2)),
        ("block2/table0", np.ones((3, 3))),
        ("stage0/spread", np.ones(1)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name: str, instead: np.ndarray | None) -> None:
    with pytest.raises(Unsound):
        loads(without(dumps(planned()), name, instead))


def test_files_that_are_none_are_refused() -> None:
    files = dumps(planned())
    hostile = io.BytesIO()
    np.savez(hostile, allow_pickle=True, a=np.array([{"a": 1}], dtype=object))
    for changed in (
        {},
        {PLAN: files[PLAN]},
        {ARRAYS: files[ARRAYS]},
        {**files, PLAN: b"[" * 100_000},
        {**files, PLAN: b"\xff"},
        {**files, ARRAYS: b"PK"},
        {**files, ARRAYS: hostile.getvalue()},
    ):
        with pytest.raises(Unsound):
            loads(changed)


@given(place=st.integers(0, 10**9), bit=st.integers(0, 7), name=st.sampled_from([PLAN, ARRAYS]))
@settings(max_examples=150, deadline=None)
def test_a_flipped_bit_never_does_more_than_change_a_number(place: int, bit: int, name: str) -> None:
    files = dumps(planned())
    data = bytearray(files[name])
    data[place % len(data)] ^= 1 << bit
    try:
        plan = loads({**files, name: bytes(data)})
    except Unsound:
        return
    with contextlib.suppress(TooLarge, Incomplete):
        plan.matrix({column: [None, None] for column in plan.columns}, 2)
