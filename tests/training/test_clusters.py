from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score, silhouette_score

from noria.errors import WrongData
from noria.registry import format as formats
from noria.training.candidate import Selection
from noria.training.clustering import KMEANS, NOISE, DensityClusters, knee
from noria.training.clusters import found_again, separation
from noria.training.dummy import DUMMY
from noria.training.family import Family
from noria.training.gap import gap_statistic
from noria.training.hierarchy import HierarchyClusters
from noria.training.mixture import MixtureClusters

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


def test_the_silhouette_from_distances_is_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    X, labels = rng.normal(size=(120, 3)), rng.integers(0, 4, 120)
    labels[0] = 9  # a group of one row counts as zero
    assert separation(X, labels) == pytest.approx(silhouette_score(X, labels))


@pytest.mark.parametrize("name", ["minibatch_kmeans", "agglomerative", "mixture", "dbscan", "hdbscan"])
def test_every_family_finds_clear_groups_and_places_new_rows(name: str, chosen: Chosen) -> None:
    X, y = blobs(4)
    made = chosen(X, None, "clustering", [name])
    placed = made.model.predict(X)
    assert adjusted_rand_score(y[placed != NOISE], placed[placed != NOISE]) > 0.95
    assert (placed == NOISE).mean() < 0.15
    assert [int(made.model.predict(X.iloc[[n]])[0]) for n in range(20)] == placed[:20].tolist()
    details = made.winner.details
    assert details["clusters"] == 4
    assert details["dissolved"] == 0
    assert min(details[f"jaccard.{group}"] for group in range(4)) > 0.75
    assert details["davies_bouldin"] < 1
    assert details["gap_k"] == 4
    assert len(made.winner.scores) == 20


@pytest.mark.parametrize("name", ["minibatch_kmeans", "agglomerative", "mixture", "dbscan", "hdbscan"])
def test_a_model_file_answers_the_same(name: str, chosen: Chosen) -> None:
    X, _ = blobs(3)
    model = chosen(X, None, "clustering", [name], trials=1).model
    again = formats.load(formats.save(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_the_bayesian_criterion_finds_how_many_there_are() -> None:
    from sklearn.mixture import GaussianMixture

    X, _ = blobs(5)
    made = MixtureClusters("full", seed=3).fit(X.to_numpy())
    assert len(made.means_) == 5
    reference = GaussianMixture(5, reg_covar=1e-4, n_init=2, random_state=3).fit(X.to_numpy())
    assert made.predict_proba(X.to_numpy()).sum(axis=1) == pytest.approx(np.ones(300))
    assert adjusted_rand_score(reference.predict(X.to_numpy()), made.predict(X.to_numpy())) == 1.0
    diagonal = MixtureClusters("diag", seed=3).fit(X.to_numpy())
    assert adjusted_rand_score(diagonal.predict(X.to_numpy()), made.predict(X.to_numpy())) > 0.99


def test_a_mixture_answers_as_scikit_learn_does() -> None:
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(0)
    X = np.concatenate([rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 200), rng.normal(3, 1, (200, 2))])
    made = MixtureClusters("full", most=2, seed=1).fit(X)
    reference = GaussianMixture(2, reg_covar=1e-4, means_init=made.means_, weights_init=made.weights_, max_iter=1)
    with pytest.warns(Warning, match="converge"):
        reference.fit(X)
    reference.means_, reference.weights_ = made.means_, made.weights_
    reference.precisions_cholesky_ = made.roots_
    np.testing.assert_allclose(made.predict_proba(X), reference.predict_proba(X), atol=1e-12)


def test_groups_of_different_density_are_found_where_one_radius_fails() -> None:
    rng = np.random.default_rng(1)
    places = (((0, 0), 0.05), ((1, 0), 0.05), ((8, 8), 1.5))
    X = np.concatenate([rng.normal(centre, spread, (150, 2)) for centre, spread in places])
    y = np.repeat([0, 1, 2], 150)
    placed = HierarchyClusters(0.1).fit(X).predict(X)
    assert adjusted_rand_score(y[placed != NOISE], placed[placed != NOISE]) > 0.95
    assert (placed == NOISE).mean() < 0.15
    far = HierarchyClusters(0.1).fit(X).predict(np.array([[0.0, 3.0], [50.0, 50.0]]))
    assert far.tolist() == [NOISE, NOISE]


def test_the_radius_is_where_the_distances_bend() -> None:
    X, y = make_moons(400, noise=0.04, random_state=0)
    outside = np.array([[9.0, 9.0], [-9.0, 9.0], [9.0, -9.0]])
    made = DensityClusters(min_samples=5, quantile=None).fit(np.concatenate([X, outside]))
    placed = made.predict(X)
    assert adjusted_rand_score(y[placed != NOISE], placed[placed != NOISE]) > 0.95
    assert made.predict(outside).tolist() == [NOISE] * 3
    assert knee(np.ones(5)) == 1.0


def test_a_group_that_comes_and_goes_is_told(chosen: Chosen) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])  # one cloud: any division of it is arbitrary
    made = chosen(X, None, "clustering", ["kmeans"], trials=8)
    notes = " ".join(result.note for result in made.table)
    assert "not found again" in notes
    assert made.winner.details["gap_k"] == 1


def test_jaccard_is_of_the_best_other_group() -> None:
    labels = np.array([0, 0, 0, 1, 1, NOISE])
    assert found_again(labels, labels) == {0: 1.0, 1: 1.0}
    assert found_again(labels, np.array([5, 5, 7, 7, 7, 7])) == {0: 2 / 3, 1: 0.5}
    assert found_again(labels, np.full(6, NOISE)) == {0: 0.0, 1: 0.0}


def test_an_evenly_filled_box_has_no_groups_and_iris_has_a_few() -> None:
    assert gap_statistic(np.random.default_rng(0).uniform(size=(200, 3))).k == 1
    assert 2 <= gap_statistic(load_iris(return_X_y=True)[0]).k <= 6


class ByTheCategory:
    """Groups rows by whether their category is the first; needs codes, and takes missing numbers."""

    def fit(self, X: np.ndarray, y: object = None) -> ByTheCategory:
        assert np.isnan(X).any()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, -1] == 0).astype(np.int64)


def test_each_family_gets_its_own_matrix_and_all_are_judged_in_one_space(chosen: Chosen) -> None:
    X, _ = blobs(2)
    X["c"] = pd.Series(np.where(X["a"] > 0, "right", "left"), dtype="str")
    X.loc[::50, "b"] = np.nan
    own = Family("own", "own", lambda params, fitting: ByTheCategory(), encoding="tree")
    alone = chosen(X, None, "clustering", None, families=[DUMMY, own])
    beside = chosen(X, None, "clustering", None, families=[DUMMY, KMEANS, own], trials=2)
    scores = [next(row for row in each.table if row.name == "own") for each in (alone, beside)]
    assert [each.status for each in scores] == ["complete", "complete"]
    assert scores[0].details == {name: scores[1].details.get(name, value) for name, value in scores[0].details.items()}
    assert set(alone.model.predict(X)) == {0, 1}
