"""Every error that a user of magtfnet can cause, each with a message that ends in a remedy.

Exception
└── MagtfnetError                  one line, exit code 2 on the command line
    ├── UnknownNameError           no such corpus, model or protocol
    ├── MissingExtraError          a library of an optional install is absent
    ├── ConfigError                a configuration key or value that is refused
    ├── StorageError               the disk is full, a folder cannot be read or written
    ├── AudioError                 a recording that cannot be used
    │   ├── AudioNotFoundError     no such file
    │   ├── AudioFolderError       a folder where a recording was expected
    │   ├── EmptyAudioError        no bytes, or a header without samples
    │   ├── UnreadableAudioError   not audio, or a format that is not known
    │   ├── TruncatedAudioError    fewer samples than its header promises
    │   ├── InvalidSamplesError    samples that are not finite
    │   ├── DurationError          too short or too long
    │   └── AudioPolicyError       a rate or channel count that the configuration refuses
    ├── CorpusError                a corpus that cannot be read
    │   ├── CorpusRootError        the root is missing or holds nothing of the corpus
    │   ├── CorpusLayoutError      a file that does not belong to the layout
    │   ├── CorpusCountError       fewer or more utterances than the corpus has
    │   └── LabelError             a native label without an emotion, or a label outside a label set
    ├── DownloadError              a file that cannot be downloaded, or is not what its publisher says
    ├── SplitError                 a protocol that the corpus cannot satisfy
    │   └── LeakError              one utterance, recording, speaker or sentence on two sides
    ├── BundleError                a bundle that is incomplete, altered or of another version
    ├── ExportError                a model that cannot be exported, or a file that answers otherwise
    ├── DivergenceError            a training whose loss is no longer a number
    ├── ExplainError               something that cannot be explained as asked
    ├── HubError                   a repository on the hub that cannot be read or written
    ├── ResultsError               a file of results that is in the way, or does not fit
    ├── MicrophoneError            no microphone, or one that cannot be opened
    ├── StreamError                a stream that was finished, or of no rate
    ├── TimelineError              a file of a timeline that is in the way, or of an unknown kind
    ├── ServiceError               a service that cannot begin: an address, a token
    ├── RunDirectoryError          a run directory that is in the way, or does not fit
    └── WorkerError                a process of several that the system killed
"""

from collections.abc import Iterable
from pathlib import Path


class MagtfnetError(Exception):
    """The root of all errors that name a user's mistake and its remedy."""

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes whole, whatever arguments the constructor of a kind takes."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[MagtfnetError], args: tuple[object, ...], values: dict[str, object]) -> MagtfnetError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(values)
    return error


class UnknownNameError(MagtfnetError):
    """A name that a registry does not hold."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"unknown {kind} '{name}', expected one of {', '.join(sorted(known))}")


class MissingExtraError(MagtfnetError):
    """A library that only an optional install brings.

    Args:
        library: its name.
        extra: what brings it.
        terms: what its licence allows, where that is less than ours.
    """

    def __init__(self, library: str, extra: str, terms: str = "") -> None:
        allowed = f"; its licence allows {terms}" if terms else ""
        super().__init__(
            f"this needs '{library}', which is not installed: pip install 'magtfnet[{extra}]'{allowed}"
        )


class ConfigError(MagtfnetError):
    """A configuration key or value that is refused."""


class StorageError(MagtfnetError):
    """A file or folder that the system does not let us read or write."""


class AudioError(MagtfnetError):
    """A recording that cannot be used.

    Args:
        source: the file, or a word for samples that came from memory.
        found: what is wrong with it.
        remedy: what the user can do.
    """

    def __init__(self, source: Path | str, found: str, remedy: str) -> None:
        super().__init__(f"{source}: {found}; {remedy}")
        self.source = source
        self.found = found


class AudioNotFoundError(AudioError):
    """No such file."""


class AudioFolderError(AudioError):
    """A folder where a recording was expected."""


class EmptyAudioError(AudioError):
    """A file of no bytes, or of a header without samples."""


class UnreadableAudioError(AudioError):
    """Bytes that are not audio in a known format."""


class TruncatedAudioError(AudioError):
    """Fewer samples than the header promises."""


class InvalidSamplesError(AudioError):
    """Samples that are not finite numbers."""


class DurationError(AudioError):
    """A recording that is too short or too long for what was asked."""


class AudioPolicyError(AudioError):
    """A sample rate or channel count that the configuration refuses to change."""


class CorpusError(MagtfnetError):
    """A corpus that cannot be read."""


class CorpusRootError(CorpusError):
    """A root that is missing or holds nothing of the corpus."""

    def __init__(self, root: Path, found: str, expected: str) -> None:
        super().__init__(f"{root}: {found}; expected {expected}")


class CorpusLayoutError(CorpusError):
    """A file that does not belong to the layout of its corpus."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(f"{path}: {found}; expected {expected}")


class CorpusCountError(CorpusError):
    """A copy with fewer or more utterances than the corpus has."""

    def __init__(self, name: str, root: Path, found: int, expected: int) -> None:
        word = "incomplete" if found < expected else "not the original"
        super().__init__(
            f"{root}: this copy of {name} is {word}, {found} utterances instead of {expected}; "
            f"'magtfnet check {name} {root}' lists what differs, --allow-incomplete uses it as it is"
        )


class LabelError(CorpusError):
    """A native label without an emotion, or an emotion outside a label set."""


class DownloadError(MagtfnetError):
    """A file that cannot be downloaded, or is not what its publisher says."""

    def __init__(self, url: str, found: str, remedy: str = "try again later") -> None:
        super().__init__(f"{url}: {found}; {remedy}")


class SplitError(MagtfnetError):
    """A protocol that the corpus cannot satisfy."""


class LeakError(SplitError):
    """One utterance, recording, speaker or sentence that stands on two sides of a split."""

    def __init__(self, kind: str, name: str, sides: tuple[str, str]) -> None:
        super().__init__(
            f"{kind} '{name}' stands in both {sides[0]} and {sides[1]}; "
            f"a split must keep every {kind} on one side: move it, or choose a protocol that shares it by name"
        )


class BundleError(MagtfnetError):
    """A bundle that is incomplete, altered or of another version."""


class ExportError(MagtfnetError):
    """A model that cannot be written as ONNX, or a file that answers otherwise than its model."""


class DivergenceError(MagtfnetError):
    """A training whose loss is no longer a number.

    Args:
        message: what was found.
        system: which of several it was, where several are trained.
    """

    def __init__(self, message: str, system: str | None = None) -> None:
        super().__init__(message)
        self.system = system


class ExplainError(MagtfnetError):
    """A part that a model has not, a method or emotion that is not known, a recording without sound."""


class HubError(MagtfnetError):
    """A repository on the hub that is not there, is no bundle, or cannot be reached."""


class ResultsError(MagtfnetError):
    """A file of results that is in the way, of an unknown kind, or does not fit what is resumed."""


class MicrophoneError(MagtfnetError):
    """No microphone, or one that cannot be opened."""


class StreamError(MagtfnetError):
    """A stream that was finished, or a rate that is none."""


class TimelineError(MagtfnetError):
    """A file of a timeline that is in the way, or a kind of file that is not known."""


class ServiceError(MagtfnetError):
    """A service that cannot begin: an address that cannot be listened at, a token that is unfit."""


class RunDirectoryError(MagtfnetError):
    """A run directory that is in the way, or does not fit what is resumed."""


class WorkerError(MagtfnetError):
    """A process of several side by side that the system killed."""
