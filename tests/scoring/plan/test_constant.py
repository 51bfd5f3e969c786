from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from noria.scoring.plan.constant import Constant


@pytest.mark.parametrize("said", [np.array([4.5]), np.array([0]), np.array([[0.25, 0.75]])], ids=repr)
def test_every_row_gets_the_answer(said: np.ndarray, steady: Callable[..., np.ndarray]) -> None:
    made = steady(Constant(said), np.array([[0.0], [np.nan], [1e308]]))
    assert made.dtype == said.dtype
    assert made.tolist() == said.tolist() * 3


def test_damaged_files_are_refused(refused: Callable[..., None]) -> None:
    good = Constant(np.array([[0.25, 0.75]]))
    refused(good, said=None)
    refused(good, said=np.array([1.0, 2.0]))
    refused(good, said=np.array([np.nan]))
    refused(good, said=np.array(["a"]))
    refused(good, said=np.array([[1, 2]]))
    refused(good, said=np.empty((1, 0)))
