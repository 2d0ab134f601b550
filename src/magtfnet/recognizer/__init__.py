"""What a user holds: a bundle on disk, and the recognizer that it makes."""

from magtfnet.recognizer.bundle import Bundle as Bundle
from magtfnet.recognizer.recognizer import EmotionRecognizer as EmotionRecognizer
