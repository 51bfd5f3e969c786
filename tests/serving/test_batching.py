"""Requests answered together: each gets what it would have got alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.scorer import Scorer
from noria.scoring.signature import InputRefused, Signature
from noria.serving.batching import Batches, _computed, scored
from noria.training.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from tests.serving.conftest import House

T = TypeVar("T")
RECORD = st.fixed_dictionaries({"age": st.integers(18, 90), "grade": st.sampled_from(["A", "B", None])})
WRONG = st.just({"age": "old", "grade": "A"})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorer]:
    from tests.serving.conftest import House

    folder: Path = tmp_path_factory.mktemp("batches")
    house = House(folder)
    yield Scorer.load(house.registry, house.registry.get("credit", 1), planned=False)
    house.log.close()
    house.database.close()


class Counting(ThreadPoolExecutor):
    """A pool that notes how many requests came together."""

    def __init__(self) -> None:
        super().__init__(1)
        self.sizes: list[int] = []

    def submit(self, call: Callable[..., T], /, *arguments: Any, **more: Any) -> Future[T]:
        self.sizes.append(len(arguments[1]))
        return super().submit(call, *arguments, **more)


def ask(scorers: Sequence[Scorer], requests: Sequence[list[object]]) -> tuple[list[object], list[int]]:
    """Send requests at once, each to its scorer; give what came back and how they were put together."""

    async def all_of_them() -> list[object]:
        batches = Batches(pool)
        asked = (batches.score(scorer, request) for scorer, request in zip(scorers, requests, strict=True))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    with Counting() as pool:
        return asyncio.run(all_of_them()), pool.sizes


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(RECORD | WRONG, min_size=1, max_size=5), min_size=1, max_size=12))
def test_each_gets_what_it_would_get_alone(library: Scorer, requests: list[list[object]]) -> None:
    told, sizes = ask([library] * len(requests), requests)
    assert sizes == [1] + [len(requests) - 1] * (len(requests) > 1)
    for request, said in zip(requests, told, strict=True):
        alone = _computed(library, [request])[0]
        if isinstance(alone, InputRefused):
            assert isinstance(said, InputRefused)
            assert said.problems == alone.problems
            continue
        assert isinstance(said, tuple)
        assert isinstance(alone, tuple)
        checked, wanted = alone
        assert said[0] == checked
        assert (said[1].predictions, said[1].flags) == (wanted.predictions, wanted.flags)
        assert said[1].scores == pytest.approx(wanted.scores, abs=1e-15)  # BLAS sums other batches otherwise
        assert len(said[1].probabilities) == len(request)


def test_versions_are_not_mixed_and_batches_are_bounded(library: Scorer, house: House) -> None:
    other = Scorer.load(house.registry, house.registry.get("credit", 2), planned=False)
    one: list[object] = [{"age": 30, "grade": "A"}]
    told, sizes = ask([library, library, other, other, library], [one] * 5)
    assert sizes == [1, 1, 2, 1]
    scores = [said[1].scores[0] for said in told]  # type: ignore[index]
    assert scores == pytest.approx(
        [scored(each, one)[1].scores[0] for each in (library, library, other, other, library)]
    )
    assert ask([library] * 4, [one, one * 200, one * 100, one * 300])[1] == [1, 1, 1, 1]
    assert ask([library] * 100, [one] * 100)[1] == [1, 64, 35]


def test_plans_are_left_alone(house: House) -> None:
    plan = Scorer.load(house.registry, house.registry.get("credit", 1))
    assert ask([plan] * 5, [[{"age": 30, "grade": "A"}]] * 5)[1] == [1] * 5


class Stumbling:
    """A model that raises whenever somebody of thirteen is among the rows."""

    task, classes, feature_names = "regression", None, ("age",)

    def answer(self, frame: pd.DataFrame) -> Prediction:
        if (frame["age"] == 13).any():
            raise RuntimeError("thirteen")
        return Prediction(frame["age"].to_numpy() * 2.0)


def test_whoever_makes_a_model_raise_does_so_alone(library: Scorer) -> None:
    told_of = library.signature.to_json()
    columns = [column for column in told_of["columns"] if column["name"] == "age"]  # type: ignore[attr-defined, index]
    signature = Signature.from_json({**told_of, "columns": columns, "task": "regression", "positive": None})
    scorer = Scorer(Stumbling(), signature, name="m", number=1)  # type: ignore[arg-type]
    told, sizes = ask([scorer] * 4, [[{"age": age}] for age in (20, 30, 13, 40)])
    assert sizes == [1, 3]
    assert isinstance(told[2], RuntimeError)
    assert [said[1].scores for said in (told[0], told[1], told[3])] == [[40.0], [60.0], [80.0]]  # type: ignore[index]
