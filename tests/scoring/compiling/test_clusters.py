from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans

from noria.scoring.compiling.clusters import compile_density, compile_hierarchy, compile_mixture
from noria.scoring.compiling.unsupported import Unsupported
from noria.training.centers import CenterClusters
from noria.training.clustering import DensityClusters, OneCluster
from noria.training.hierarchy import HierarchyClusters
from noria.training.mixture import MixtureClusters

RNG = np.random.default_rng(14)
X = np.concatenate([RNG.normal(size=(60, 3)) * 0.4 + center for center in (-2, 0, 2)])
KINDS = [
    KMeans(4, n_init=1, random_state=1),
    MiniBatchKMeans(3, n_init=1, random_state=1),
    DensityClusters(5, 0.9),
    DensityClusters(5, 0.5),
    DensityClusters(5, None),
    CenterClusters(3, "ward"),
    CenterClusters(4, "minibatch", 1),
    OneCluster(),
    HierarchyClusters(0.1),
    HierarchyClusters(0.3),
    MixtureClusters("full"),
    MixtureClusters("diag", most=4),
]
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 10), st.just(3)),
    elements=st.one_of(st.floats(-4, 4), st.sampled_from([0.0, -0.0, 1e50, -1e50])),
)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_clustering_has_its_plan(kind: object, agrees: Callable[..., object]) -> None:
    fitted = clone(kind).fit(X)

    @given(ROWS)
    @settings(max_examples=40)
    def holds(rows: np.ndarray) -> None:
        agrees(fitted, rows)

    holds()
    head = agrees(fitted, X)
    assert not head.bound(X).any()  # type: ignore[attr-defined]


def test_where_all_is_noise_all_is_noise(agrees: Callable[..., object]) -> None:
    lonely = DensityClusters(min_samples=50).fit(X)
    lonely.core_points_, lonely.core_labels_ = np.empty((0, 3)), np.empty(0, dtype=np.int64)
    agrees(lonely, X)
    scattered = HierarchyClusters().fit(X)
    scattered.points_, scattered.labels_, scattered.reaches_ = (
        np.empty((0, 3)),
        np.empty(0, dtype=np.int64),
        np.empty(0),
    )
    agrees(scattered, X)


def test_what_has_no_plan_says_why() -> None:
    broken = DensityClusters().fit(X)
    broken.core_labels_ = broken.core_labels_[:3]
    with pytest.raises(Unsupported, match="labels"):
        compile_density(broken)
    hierarchy = HierarchyClusters(0.1).fit(X)
    hierarchy.reaches_ = hierarchy.reaches_[:1]
    with pytest.raises(Unsupported, match="how far it reaches"):
        compile_hierarchy(hierarchy)
    mixture = MixtureClusters().fit(X)
    mixture.weights_ = mixture.weights_[:1]
    with pytest.raises(Unsupported, match="a share"):
        compile_mixture(mixture)
