"""Utterances with known emotions joined to one recording: what a timeline finds in it, and how that is counted."""

import numpy as np
import pytest
from benchmarks.field.joined import Known, compare, join

from magtfnet import EmotionRecognizer, Timeline, TimelineSettings, load_corpus
from magtfnet.timeline import Segment


def test_segments_and_boundaries_are_counted_as_by_hand():
    known = [Known(1.0, 3.0, "anger"), Known(4.0, 6.0, "fear"), Known(8.0, 9.0, "fear")]
    segments = (
        Segment(0.9, 1.5, "fear", 1, 1),
        Segment(1.5, 3.0, "anger", 1, 1),  # most of the first is anger
        Segment(4.25, 6.0, "anger", 1, 1),
    )
    timeline = Timeline(
        source="x",
        duration=10.0,
        channels=1,
        classes=("anger", "fear"),
        windows=(),
        segments=segments,
        settings=TimelineSettings(),
    )
    found = compare(timeline, known)
    assert found.right == [True, False, False]  # nothing was found of the third
    assert found.boundaries == pytest.approx([0.1, 0.0, 0.25, 0.0, 2.0, 3.0])
    assert found.covered == pytest.approx((2.0 + 1.75) / 5)
    assert found.beside == pytest.approx(0.1 / 5)


def test_joined_utterances_are_found_where_they_are(emodb_root):
    """The model learnt from these: its labels say that windows reach it rightly, not how well it hears."""
    utterances = list(load_corpus("emodb", emodb_root))[::18]
    waveform, known = join(utterances)
    assert len(known) == len(utterances) == 30
    found = compare(EmotionRecognizer.load().timeline(waveform), known)
    assert np.mean(found.right) > 0.7
    assert np.median(found.boundaries) < 0.1
    assert found.covered > 0.9
    assert found.beside < 0.15
