from __future__ import annotations

import numpy as np

from noria.training.boosting import LightGBM
from noria.training.family import Fitting
from noria.training.rounds import FEWEST_ROWS, choose_rounds


def test_the_inner_part_is_stratified_and_repeats() -> None:
    y = np.array([0] * 900 + [1] * 100)
    seen: list[np.ndarray] = []

    def train(inner: np.ndarray) -> int:
        seen.append(inner)
        return 100

    rounds = [choose_rounds(train, y, seed=1, stratify=True, learning_rate=0.1) for _ in range(2)]
    assert rounds == [111, 111]
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] & (y == 1)).sum() == 20
    assert seen[0].sum() == 200


def test_a_booster_stops_before_it_learns_noise_by_heart() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(FEWEST_ROWS * 3, 5))
    y = X[:, 0] + 3 * rng.normal(size=len(X))
    head = LightGBM({"learning_rate": 0.1}, Fitting("regression", 1)).fit(X, y)
    assert head.rounds < 200
    assert head.booster is not None
    assert head.booster.current_iteration() == head.rounds
