"""Which optimizers are alike: distances by hand, planted duplicates, and an order that plays no part."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float
from regimefolio.evaluation.clustering import (
    Clustering,
    cluster_optimizers,
    clustering,
    performance_distance,
    returns_correlation_distance,
    weight_distance,
    weights_correlation_distance,
)

RNG = np.random.default_rng(7)
NAMES = ("hrp", "risk_a", "cvar", "risk_b", "momentum", "kelly")


def history(rebalances: int = 12, assets: int = 8) -> Float:
    """Long weights of six optimizers; risk_a and risk_b are one, momentum and kelly nearly."""
    weights = RNG.dirichlet(np.ones(assets), (rebalances, len(NAMES)))
    weights[:, 3] = weights[:, 1]
    weights[:, 5] = 0.98 * weights[:, 4] + 0.02 * weights[:, 0]
    return weights


WEIGHTS = history()
RETURNS = 0.01 * RNG.standard_normal((300, 6)) + 0.005 * RNG.standard_normal((300, 1))
RETURNS[:, 3] = RETURNS[:, 1]
RETURNS[:, 5] = RETURNS[:, 4] + 1e-4 * RNG.standard_normal(300)
FEATURES = RNG.standard_normal((6, 5))
FEATURES[3] = FEATURES[1]
FEATURES[5] = FEATURES[4] + 0.01


def together(found: Clustering, *names: str) -> bool:
    return any(set(names) <= set(each) for each in found.clusters)


@pytest.mark.parametrize("basis", range(4), ids=["weights", "returns", "performance", "distance"])
def test_planted_duplicates_end_up_together(basis: int) -> None:
    found = cluster_optimizers(NAMES, WEIGHTS, RETURNS, FEATURES)[basis]
    assert together(found, "risk_a", "risk_b")
    assert together(found, "momentum", "kelly")
    assert not together(found, "risk_a", "kelly")
    first, second = found.closest(2)
    assert (first.first, first.second) == ("risk_a", "risk_b")
    assert first.distance == pytest.approx(0.0, abs=1e-12)
    assert (second.first, second.second) == ("kelly", "momentum")
    assert second.distance > 1e-6


@pytest.mark.parametrize("basis", range(4))
def test_the_order_of_optimizers_does_not_matter(basis: int) -> None:
    ours = cluster_optimizers(NAMES, WEIGHTS, RETURNS, FEATURES)[basis]
    turned = [4, 2, 0, 5, 1, 3]
    names = tuple(NAMES[k] for k in turned)
    weights, returns = np.ascontiguousarray(WEIGHTS[:, turned]), np.ascontiguousarray(RETURNS[:, turned])
    theirs = cluster_optimizers(names, weights, returns, FEATURES[turned])[basis]
    assert theirs.clusters == ours.clusters
    assert theirs.dendrogram().names == ours.dendrogram().names
    np.testing.assert_allclose(theirs.linkage, ours.linkage, rtol=0, atol=1e-12)
    assert [pair[:2] for pair in theirs.closest(4)] == [pair[:2] for pair in ours.closest(4)]


def test_weight_distance_is_active_share() -> None:
    weights = np.array([[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]]])
    assert weight_distance(weights)[0, 1] == pytest.approx((0.5 + 0.3) / 2)
    apart = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    assert weight_distance(apart)[1, 0] == 1.0


def test_correlations_are_those_of_numpy() -> None:
    rho = np.corrcoef(RETURNS[:, 0], RETURNS[:, 2])[0, 1]
    assert returns_correlation_distance(RETURNS)[0, 2] == pytest.approx(math.sqrt((1 - rho) / 2), rel=1e-12)
    centred = WEIGHTS - 1 / 8
    rho = np.corrcoef(centred[:, 0].ravel(), centred[:, 2].ravel())[0, 1]
    assert weights_correlation_distance(WEIGHTS)[0, 2] == pytest.approx(math.sqrt((1 - rho) / 2), rel=1e-12)


def test_opposites_are_at_one_and_a_scale_does_not_matter() -> None:
    weights = np.array([[[0.6, 0.4], [0.4, 0.6], [0.9, 0.1]], [[0.3, 0.7], [0.7, 0.3], [0.1, 0.9]]])
    found = weights_correlation_distance(weights)
    assert found[0, 1] == pytest.approx(1.0)
    assert found[0, 2] == pytest.approx(math.sqrt((1 - 3 / math.sqrt(10)) / 2))
    twice = returns_correlation_distance(RETURNS * np.array([1, 2, 3, 4, 5, 6.0]))
    np.testing.assert_allclose(twice, returns_correlation_distance(RETURNS), atol=1e-9)


def test_performance_is_measured_in_deviations() -> None:
    features = np.array([[0.0, 100.0, 5.0], [1.0, 300.0, 5.0], [2.0, 200.0, 5.0]])  # the last says nothing
    deviation = math.sqrt(2 / 3)
    found = performance_distance(features)
    assert found[0, 1] == pytest.approx(math.sqrt((1 + 4) / 2) / deviation)
    features[0, 1] = np.nan
    assert performance_distance(features)[0, 2] == pytest.approx(2 / deviation)


def test_a_date_at_which_one_failed_is_left_out_of_its_pairs_alone() -> None:
    weights = WEIGHTS.copy()
    weights[2, 0] = np.nan
    weights[5, 2, 1] = np.nan
    both = [t for t in range(12) if t not in (2, 5)]
    for measure in (weights_correlation_distance, weight_distance):
        found, whole = measure(weights), measure(WEIGHTS)
        assert found[0, 2] == measure(WEIGHTS[both])[0, 2]
        assert found[1, 4] == whole[1, 4]
        assert found[0, 2] != whole[0, 2]


def test_dates_are_aligned_by_date_not_by_position() -> None:
    weights = np.array([[[1.0, 0.0], [np.nan, np.nan]], [[0.0, 1.0], [0.0, 1.0]], [[np.nan, np.nan], [1.0, 0.0]]])
    assert weight_distance(weights)[0, 1] == 0.0  # by position they would be opposites


def test_who_has_no_distance_is_left_out_and_named() -> None:
    weights = WEIGHTS.copy()
    weights[:, 2] = 1 / 8  # equal weights have no correlation
    weights[:, 0] = np.nan
    found = clustering(NAMES, weights_correlation_distance(weights), 0.5)
    assert found.left_out == ("cvar", "hrp")
    assert found.names == ("kelly", "momentum", "risk_a", "risk_b")
    assert found.clusters == (("kelly", "momentum"), ("risk_a", "risk_b"))


def test_the_tree_is_that_of_average_linkage_and_cut_at_the_threshold() -> None:
    points = np.array([0.0, 1.0, 5.0, 7.0])
    apart = np.abs(points[:, None] - points)
    assert clustering("abcd", apart, 1.5).linkage[:, 2].tolist() == [1.0, 2.0, 5.5]  # the mean over the pairs
    for threshold, clusters in ((0.5, 4), (1.0, 3), (2.0, 2), (5.4, 2), (5.5, 1)):
        assert len(clustering("abcd", apart, threshold).clusters) == clusters
    assert clustering("abcd", apart, 2.0).clusters == (("a", "b"), ("c", "d"))


def test_somebody_far_away_does_not_change_who_is_alike() -> None:
    points = np.array([0.0, 1.0, 5.0, 7.0, 1e6])
    found = clustering("abcde", np.abs(points[:, None] - points), 1.5)
    assert found.clusters == (("a", "b"), ("c",), ("d",), ("e",))


def test_few_and_equal_ones() -> None:
    one = clustering(["a"], np.zeros((1, 1)), 0.1)
    assert one.clusters == (("a",),)
    assert one.dendrogram().names == ("a",)
    assert clustering(["a", "b"], np.array([[0, 0.3], [0.3, 0]]), 0.1).clusters == (("a",), ("b",))
    assert clustering(["a", "b"], np.zeros((2, 2)), 0.1).clusters == (("a", "b"),)
    assert clustering("abc", np.zeros((3, 3)), 0.1).clusters == (("a", "b", "c"),)
    assert clustering([], np.empty((0, 0)), 0.1).clusters == ()


def test_the_dendrogram_joins_at_the_distances() -> None:
    found = cluster_optimizers(NAMES, WEIGHTS, RETURNS, FEATURES).weight_distance
    drawn = found.dendrogram()
    assert sorted(drawn.names) == sorted(NAMES)
    assert drawn.across.shape == drawn.height.shape == (5, 4)
    np.testing.assert_allclose(np.sort(drawn.height[:, 1]), np.sort(found.linkage[:, 2]))
    points = np.array([0.0, 7.0, 1.0, 5.0])
    by_hand = clustering("abcd", np.abs(points[:, None] - points), 2.0).dendrogram()
    assert sorted(by_hand.across[by_hand.height == 0.0].tolist()) == [0, 1, 2, 3]
    assert set(by_hand.names[:2]) in ({"a", "c"}, {"b", "d"})
    assert cophenet(found.linkage).max() == pytest.approx(drawn.height.max())
    for cluster in found.clusters:
        places = [drawn.names.index(name) for name in cluster]
        assert max(places) - min(places) == len(places) - 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="6 optimizers need weights"):
        cluster_optimizers(NAMES, WEIGHTS[:, :5], RETURNS, FEATURES)
    with pytest.raises(DataError, match="different names"):
        clustering(["a", "a"], np.zeros((2, 2)), 0.1)
