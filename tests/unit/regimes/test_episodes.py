"""Episodes and transitions of hand-written labels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.regimes import Episode, episodes, expected_duration, transition_counts, transition_matrix

LABEL = np.array([-1, -1, 0, 0, 1, 0, 0, 0, 2, 2])


def test_episodes_are_the_runs_of_known_labels() -> None:
    assert episodes(LABEL) == [(0, 2, 3), (1, 4, 4), (0, 5, 7), (2, 8, 9)]
    assert [episode.bars for episode in episodes(LABEL)] == [2, 1, 3, 2]


def test_no_label_has_no_episode() -> None:
    assert episodes(np.empty(0, np.int64)) == []
    assert episodes(np.array([-1, -1])) == []
    assert episodes(np.array([1])) == [Episode(1, 0, 0)]


def test_transitions_count_neighbours_that_are_both_known() -> None:
    assert transition_counts(LABEL, 3).tolist() == [[3, 1, 1], [1, 0, 0], [0, 0, 1]]
    assert transition_counts(np.array([0, -1, 1]), 2).tolist() == [[0, 0], [0, 0]]
    assert transition_counts(np.empty(0, np.int64), 2).tolist() == [[0, 0], [0, 0]]


@given(st.lists(st.integers(-1, 2), max_size=40))
def test_episodes_give_the_labels_back(raw: list[int]) -> None:
    rebuilt = np.full(len(raw), -1)
    for label, first, last in episodes(np.array(raw, np.int64)):
        assert (rebuilt[first : last + 1] == -1).all()
        rebuilt[first : last + 1] = label
    assert rebuilt.tolist() == raw


def test_the_matrix_and_the_durations_of_hand_counted_transitions() -> None:
    counts = np.array([[6, 1, 1], [2, 0, 0], [0, 0, 5]])
    assert transition_matrix(counts).tolist() == [[0.75, 0.125, 0.125], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    # Regime 0 was left after 2 of 8 bars, regime 1 after each; regime 2 was never left, and so has no duration.
    np.testing.assert_array_equal(expected_duration(counts), [4.0, 1.0, np.nan])
    assert np.isnan(transition_matrix(np.zeros((2, 2), np.int64))).all()
    assert np.isnan(expected_duration(np.zeros((2, 2), np.int64))).all()
