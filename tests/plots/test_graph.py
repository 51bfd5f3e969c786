"""Layering: longest paths, no edge backwards, no ring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.plots.graph import _reduced, graph, layers


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1])))
def test_every_edge_points_to_a_later_layer_by_the_longest_path(pairs: set[tuple[int, int]]) -> None:
    names = [str(at) for at in range(10)]
    edges = [(str(a), str(b)) for a, b in sorted(pairs)]
    depth = {name: at for at, level in enumerate(layers(names, edges)) for name in level}
    assert len(depth) == 10
    for name in names:
        before = [depth[a] for a, b in edges if b == name]
        assert depth[name] == (max(before) + 1 if before else 0)
    graph(names, edges)


def test_a_ring_is_refused() -> None:
    with pytest.raises(ValueError, match="ring"):
        graph(["a", "b"], [("a", "b"), ("b", "a")])


def test_boxes_of_a_layer_do_not_overlap_and_unknown_edges_are_left_out() -> None:
    figure = graph(["a", "b", "c"], [("a", "b"), ("a", "c"), ("x", "a")])
    assert figure.data["layers"] == [["a"], ["b", "c"]]
    assert figure.svg.count("<rect") == 3


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])))
def test_leaving_out_what_follows_keeps_what_is_reached(pairs: set[tuple[int, int]]) -> None:
    edges = [(str(a), str(b)) for a, b in sorted(pairs)]
    kept = _reduced(edges)
    assert set(kept) <= set(edges)
    assert _reach(kept) == _reach(edges)
    for edge in kept:
        assert edge not in _reach([other for other in kept if other != edge])


def _reach(edges: list[tuple[str, str]]) -> set[tuple[str, str]]:
    found = set(edges)
    while True:
        more = {(a, d) for a, b in found for c, d in found if b == c} - found
        if not more:
            return found
        found |= more
