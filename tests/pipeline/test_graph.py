"""Order, reach and refusals of graphs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import StepNotFound, WrongSetting
from noria.pipeline.graph import Graph
from noria.pipeline.step import Step


def made(name: str, *sources: str) -> Step:
    return Step(name, f"m:{name}", {source: source for source in sources})


@given(st.data())
def test_every_step_comes_after_what_it_takes(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    names = [f"s{number}" for number in range(count)]
    steps = [
        made(name, *data.draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=3)) if place else [])
        for place, name in enumerate(names)
    ]
    graph = Graph(data.draw(st.permutations(steps)))
    order = graph.order()
    assert sorted(order) == sorted(names)
    for step in steps:
        assert all(order.index(source) < order.index(step.name) for source in step.inputs)
    for name in names:
        below = graph.downstream(name)
        assert all(name in graph.upstream(other) or set(graph.upstream(other)) & {*below} for other in below)


def test_ties_keep_the_order_given() -> None:
    assert Graph([made("b"), made("a"), made("c", "b")]).order() == ("b", "a", "c")


def test_downstream_reaches_all_the_way() -> None:
    graph = Graph([made("a"), made("b", "a"), made("c", "b"), made("d")])
    assert graph.downstream("a") == ("b", "c")
    assert graph.downstream("d") == ()


def test_an_unknown_input_names_the_nearest_step() -> None:
    with pytest.raises(WrongSetting, match="'claen', which is no step") as caught:
        Graph([made("clean"), made("train", "claen")])
    assert caught.value.mend == "did you mean 'clean'?"


def test_a_ring_is_told_in_full() -> None:
    with pytest.raises(WrongSetting, match="run in a ring") as caught:
        Graph([made("a", "c"), made("b", "a"), made("c", "b")])
    assert caught.value.what.count("->") == 3


def test_twins_are_refused() -> None:
    with pytest.raises(WrongSetting, match="two steps are named 'a'"):
        Graph([made("a"), made("a")])


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "1st", "a b"])
def test_names_that_cannot_be_file_names_are_refused(name: str) -> None:
    with pytest.raises(WrongSetting, match="cannot name a step"):
        Graph([Step(name, "m:f")])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(WrongSetting, match="gets 'a' twice"):
        Graph([made("a"), Step("b", "m:f", {"a": "a"}, {"a": 1})])


def test_a_step_without_function_is_refused() -> None:
    with pytest.raises(WrongSetting, match="which function it runs"):
        Graph([Step("a", "module")])


def test_asking_for_a_missing_step() -> None:
    with pytest.raises(StepNotFound, match="no step 'trian'") as caught:
        Graph([made("train")])["trian"]
    assert "train" in caught.value.mend
