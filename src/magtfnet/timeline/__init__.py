"""Emotions along time: what is heard in windows inside speech, smoothed to segments, and the files that show them."""

from magtfnet.timeline.settings import TimelineSettings as TimelineSettings
from magtfnet.timeline.timeline import Segment as Segment
from magtfnet.timeline.timeline import Timeline as Timeline
from magtfnet.timeline.timeline import Window as Window
