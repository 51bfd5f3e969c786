from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score, silhouette_score

from noria.errors import WrongData
from noria.training.candidate import Selection
from noria.training.clustering import NOISE, DensityClusters
from noria.training.clusters import separation

Chosen = Callable[..., Selection]


def blobs(k: int) -> tuple[pd.DataFrame, np.ndarray]:
    turns = 2 * np.pi * np.arange(k) / k + np.pi / 4
    X, y = make_blobs(300, centers=6 * np.column_stack([np.cos(turns), np.sin(turns)]), cluster_std=0.5, random_state=4)
    return pd.DataFrame(X, columns=["a", "b"]), y


@pytest.mark.parametrize("k", [2, 4, 5])
def test_the_right_number_of_groups_is_found(k: int, chosen: Chosen) -> None:
    X, y = blobs(k)
    made = chosen(X, None, "clustering", ["kmeans"])
    assert made.winner.params["k"] == k
    assert adjusted_rand_score(y, made.model.predict(X)) > 0.99
    assert made.oof is None
    assert made.beats_baseline
    assert made.winner.details["stability"] > 0.95


def test_new_rows_are_placed_one_by_one_as_together(chosen: Chosen) -> None:
    X, _ = blobs(3)
    for name in ("kmeans", "dbscan"):
        model = chosen(X, None, "clustering", [name]).model
        whole = model.predict(X)
        assert whole.dtype.kind == "i"
        assert [int(model.predict(X.iloc[[n]])[0]) for n in range(20)] == whole[:20].tolist()


def test_density_finds_what_is_not_round(chosen: Chosen) -> None:
    X, y = make_moons(400, noise=0.04, random_state=0)
    made = DensityClusters(min_samples=5, quantile=0.98).fit(X)
    placed = made.predict(X)
    assert adjusted_rand_score(y[placed != NOISE], placed[placed != NOISE]) > 0.95
    assert made.predict(np.array([[40.0, 40.0]])).tolist() == [NOISE]


def test_density_agrees_with_scikit_learn_on_core_points() -> None:
    from sklearn.cluster import DBSCAN

    X, _ = blobs(4)
    made = DensityClusters(min_samples=6, quantile=0.9).fit(X.to_numpy())
    reference = DBSCAN(eps=made.eps_, min_samples=6).fit(X.to_numpy())
    core = reference.core_sample_indices_
    np.testing.assert_array_equal(made.predict(X.to_numpy())[core], reference.labels_[core])


def test_separation_is_the_silhouette_without_noise() -> None:
    X, y = load_iris(return_X_y=True)
    assert separation(X, y) == pytest.approx(silhouette_score(X, y))
    assert separation(X, np.where(y == 2, NOISE, y)) == pytest.approx(silhouette_score(X[y != 2], y[y != 2]) * 2 / 3)
    assert separation(X, np.arange(150)) == 0


def test_trials_and_repeats(chosen: Chosen) -> None:
    X, _ = blobs(3)
    runs = [chosen(X, None, "clustering", "auto", trials=5) for _ in range(2)]
    assert runs[0].stopped_by == "5 trials"
    assert [result.scores for result in runs[0].table] == [result.scores for result in runs[1].table]


def test_too_few_or_equal_rows_are_refused(chosen: Chosen) -> None:
    with pytest.raises(WrongData, match="5 rows cannot be clustered"):
        chosen(pd.DataFrame({"a": [1.0, 2, 3, 4, 5]}), None, "clustering", "auto")
    with pytest.raises(WrongData, match="fewer than three different"):
        chosen(pd.DataFrame({"a": [1.0] * 50}), None, "clustering", "auto")
