"""What a user holds: a bundle on disk, and the recognizer that it makes.

A bundle in memory needs torch and is loaded on first use; a recognizer does not.
"""

from typing import TYPE_CHECKING, Any

from magtfnet.recognizer.recognizer import EmotionRecognizer as EmotionRecognizer

if TYPE_CHECKING:
    from magtfnet.recognizer.bundle import Bundle as Bundle


def __getattr__(name: str) -> Any:
    if name == "Bundle":
        from magtfnet.recognizer.bundle import Bundle

        return Bundle
    raise AttributeError(f"module 'magtfnet.recognizer' has no attribute '{name}'")
