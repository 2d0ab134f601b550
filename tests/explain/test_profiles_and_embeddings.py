"""Profiles over models and what fused vectors hold, by hand."""

import numpy as np
import pytest

from magtfnet.explain.corpus_page import agreement_notes
from magtfnet.explain.embeddings import explained_share, neighbourhoods
from magtfnet.explain.profile import Profile


def profile(*shares):
    values = np.array(shares, dtype=float)
    return Profile(tuple("abc"[: values.shape[1]]), values, values)


def test_agreement_by_hand():
    assert profile((1, 2, 3), (10, 20, 30)).agreement == pytest.approx(1)
    assert profile((1, 2, 3), (3, 2, 1)).agreement == pytest.approx(-1)
    # ranks 1 2 3, 1 2 3 and 2 1 3: correlations 1, 1/2, 1/2
    assert profile((1, 2, 3), (1, 2, 3), (2, 1, 3)).agreement == pytest.approx(2 / 3)
    assert profile((1, 2, 3)).agreement is None
    assert profile((1, 2), (1, 2)).agreement is None  # two parts: one rank decides all
    assert profile((1, 1, 1), (1, 2, 3)).agreement is None


def test_opposite_signs_are_no_agreement():
    shares = np.array([[0.5, 0.3, 0.2]] * 2)
    signed = np.array([[5.0, 3.0, 2.0], [-5.0, -3.0, -2.0]])
    assert Profile(("a", "b", "c"), signed, shares).agreement == pytest.approx(-1)


def test_disagreement_is_said():
    notes = agreement_notes({"anger": profile((1, 2, 3), (3, 2, 1)), "fear": profile((1, 2, 3), (1, 2, 3))})
    assert notes[0] == "Mean rank correlation between models, signs included: anger -1.00, fear 1.00."
    assert notes[1].startswith("For anger the explanation changes with the seed")
    assert len(agreement_notes({"fear": profile((1, 2, 3), (1, 2, 3))})) == 1
    assert "not known" in agreement_notes({"fear": profile((1, 2, 3))})[0]


def test_a_grouping_that_is_everything_and_one_that_is_nothing(generator):
    groups = ["a"] * 50 + ["b"] * 50
    apart = np.repeat([[0.0, 0.0], [1.0, 5.0]], 50, axis=0)
    assert explained_share(apart, groups) == pytest.approx(1)
    noise = [explained_share(generator.normal(size=(100, 8)), groups) for _ in range(50)]
    assert np.mean(noise) == pytest.approx(0, abs=0.01)
    many = [
        str(i // 2) for i in range(100)
    ]  # 50 groups of two explain half of any noise, but for the correction
    noise = [explained_share(generator.normal(size=(100, 8)), many) for _ in range(50)]
    assert np.mean(noise) == pytest.approx(0, abs=0.05)


def test_what_cannot_be_probed_is_zero():
    assert explained_share(np.ones((4, 2)), ["a", "a", "b", "b"]) == 0
    assert explained_share(np.eye(4), ["a"] * 4) == 0
    assert explained_share(np.eye(4), list("abcd")) == 0


def test_too_few_or_all_alike_have_no_picture():
    assert len(neighbourhoods(np.eye(3))) == 0
    assert len(neighbourhoods(np.ones((9, 2)))) == 0


def test_neighbours_stay_neighbours(generator):
    vectors = np.concatenate([generator.normal(size=(30, 8)), generator.normal(size=(30, 8)) + 20])
    flat = neighbourhoods(vectors)
    assert np.array_equal(flat, neighbourhoods(vectors))
    first, second = flat[:30].mean(axis=0), flat[30:].mean(axis=0)
    nearer = np.linalg.norm(flat - first, axis=1) < np.linalg.norm(flat - second, axis=1)
    assert nearer[:30].all()
    assert not nearer[30:].any()
