import pytest

from twin.scenario.scoring import score

TRUTH = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2}


def test_perfect_clusters_score_one():
    result = score({"a": "x", "b": "x", "c": "x", "d": "y", "e": "y"}, TRUTH)
    assert (result.pairwise.f1, result.b_cubed.f1, result.records) == (1.0, 1.0, 5)


def test_one_record_in_the_wrong_cluster_by_hand():
    # Found are ab and cde: four pairs, of which two are true (ab, de); true are four, too.
    # Share of the own person in the own cluster, for a to e: 1, 1, 1/3, 2/3, 2/3; recall likewise 2/3, 2/3, 1/3, 1, 1.
    result = score({"a": "x", "b": "x", "c": "y", "d": "y", "e": "y"}, TRUTH)
    assert (result.pairwise.precision, result.pairwise.recall) == (0.5, 0.5)
    assert result.b_cubed.precision == pytest.approx(11 / 15)
    assert result.b_cubed.recall == pytest.approx(11 / 15)


def test_everybody_alone_is_precise_and_finds_nothing():
    result = score({record: record for record in TRUTH}, TRUTH)
    assert (result.pairwise.precision, result.pairwise.recall, result.pairwise.f1) == (1.0, 0.0, 0.0)
    assert result.b_cubed.precision == 1.0
    assert result.b_cubed.recall == pytest.approx(2 / 5)


def test_everybody_in_one_cluster_finds_all_and_is_imprecise():
    result = score(dict.fromkeys(TRUTH, "x"), TRUTH)
    assert (result.pairwise.precision, result.pairwise.recall) == (0.4, 1.0)
    assert result.b_cubed.precision == pytest.approx((9 / 5 + 4 / 5) / 5)


def test_records_that_one_side_does_not_know_are_left_out():
    assert score({"a": 1, "b": 1, "z": 9}, {"a": 1, "b": 1, "q": 3}).records == 2
