from __future__ import annotations

import numpy as np
import pytest

from noria.scoring.plan.parts import count, floats, positions, word
from noria.scoring.plan.unsound import Unsound


def test_an_array_comes_back_c_ordered() -> None:
    assert floats({"w": np.asfortranarray(np.ones((3, 2)))}, "w", 3, 2).flags.c_contiguous


@pytest.mark.parametrize("found", [np.array([3]), np.array([-1]), np.array([0.0]), np.array([[0]])], ids=repr)
def test_a_position_that_points_outside_is_refused(found: np.ndarray) -> None:
    with pytest.raises(Unsound):
        positions({"at": found}, "at", below=3)


@pytest.mark.parametrize("found", [None, True, 1.0, "1", -1])
def test_what_is_no_whole_number_is_refused(found: object) -> None:
    with pytest.raises(Unsound):
        count({"n": found}, "n")


def test_a_word_must_be_known() -> None:
    assert word({"w": "b"}, "w", ("a", "b")) == "b"
    with pytest.raises(Unsound, match="not one of a, b"):
        word({"w": ["b"]}, "w", ("a", "b"))
