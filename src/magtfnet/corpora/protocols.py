"""The protocols, by names that say what they are. Each returns its splits; each split checks itself.

Utterances with the same samples are always kept together. The validation part is as disjoint from training as
the test part is. Groups are shared out from the largest on, each to the part that lacks its classes most; seeds
decide between groups of one size and nothing else does. Speakers who say unequal numbers of utterances are so shared
out alike with every seed, and a small validation part is the same small speaker in most folds.

All take the corpus, the ``seed`` and ``duplicates``, as ``find_duplicates`` returns them (found by decoding
where not given); those with a ``validation_share`` take that share of the corpus from what is not tested. All
raise SplitError where the corpus cannot satisfy them.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from magtfnet.config import ProtocolConfig
from magtfnet.corpora.base import Corpus
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.corpora.fold_files import read_folds
from magtfnet.corpora.folds import share_out
from magtfnet.corpora.partition import Part, Partition, Splits, share_out_ignoring_classes
from magtfnet.corpora.splits import DISJOINT_KEYS
from magtfnet.errors import ConfigError, SplitError
from magtfnet.registry import Registry

Duplicates = Mapping[str, str] | None
PROTOCOLS: Registry[Callable[..., Splits]] = Registry("protocol")


def speaker_dependent_8_1_1(
    corpus: Corpus, *, seed: int = 0, stratified: bool = True, duplicates: Duplicates = None
) -> Splits:
    """One split of 8 : 1 : 1 by utterances, stratified by emotion: the paper's own (section 4.2).

    Speakers are shared between the parts, so the result says nothing about new speakers. Without
    ``stratified`` all utterances are shared out alike, whatever their class.
    """
    partition = Partition("speaker_dependent_8_1_1", corpus, _known(corpus, duplicates), seed)
    groups = partition.groups(corpus.utterances)
    if stratified:
        partition.refuse_small_classes(3)
    share = share_out if stratified else share_out_ignoring_classes
    train, test, validation = share(groups, (0.8, 0.1, 0.1), seed)
    return (partition.split(0, train, validation, test),)


def speaker_dependent_k_fold(
    corpus: Corpus,
    *,
    folds: int = 5,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Duplicates = None,
) -> Splits:
    """Folds by utterances, stratified by emotion; speakers are shared. Every utterance is tested once."""
    known = _known(corpus, duplicates)
    partition = Partition("speaker_dependent_k_fold", corpus, known, seed, (), validation_share)
    partition.refuse_small_classes(max(folds, 3))
    return partition.k_fold(folds)


def leave_one_speaker_out(
    corpus: Corpus, *, seed: int = 0, validation_share: float = 0.1, duplicates: Duplicates = None
) -> Splits:
    """As many splits as speakers; each tests one speaker, in sorted order."""
    known = _known(corpus, duplicates)
    return Partition(
        "leave_one_speaker_out", corpus, known, seed, ("speaker",), validation_share
    ).leave_one_out()


def leave_one_session_out(
    corpus: Corpus, *, seed: int = 0, validation_share: float = 0.1, duplicates: Duplicates = None
) -> Splits:
    """As many splits as sessions; each tests one session, in sorted order."""
    known = _known(corpus, duplicates)
    return Partition(
        "leave_one_session_out", corpus, known, seed, ("session",), validation_share
    ).leave_one_out()


def speaker_independent_k_fold(
    corpus: Corpus,
    *,
    folds: int = 5,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Duplicates = None,
) -> Splits:
    """Folds of whole speakers: nobody who is tested was heard in training or validation."""
    known = _known(corpus, duplicates)
    return Partition(
        "speaker_independent_k_fold", corpus, known, seed, ("speaker",), validation_share
    ).k_fold(folds)


def sentence_independent_k_fold(
    corpus: Corpus,
    *,
    folds: int = 5,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Duplicates = None,
) -> Splits:
    """Folds of whole sentences: no text that is tested was read in training. Speakers are shared."""
    known = _known(corpus, duplicates)
    return Partition(
        "sentence_independent_k_fold", corpus, known, seed, ("sentence",), validation_share
    ).k_fold(folds)


def speaker_and_sentence_independent(
    corpus: Corpus, *, folds: int = 5, seed: int = 0, duplicates: Duplicates = None
) -> Splits:
    """Speakers and sentences both new: k groups of speakers by k groups of sentences make k x k splits.

    Each tests one group of speakers on one group of sentences, validates on the next of both, and trains on
    the rest of both; utterances of a tested speaker in a training sentence belong to no part. Every utterance
    is tested once.
    """
    protocol, known = "speaker_and_sentence_independent", _known(corpus, duplicates)
    speakers, sentences = (
        _ids_of_groups(protocol, corpus, key, folds, seed, known) for key in ("speaker", "sentence")
    )
    partition = Partition(protocol, corpus, known, seed, ("speaker", "sentence"))
    splits = []
    for i in range(folds):
        for j in range(folds):
            next_i, next_j = (i + 1) % folds, (j + 1) % folds
            held_out = speakers[i] | speakers[next_i] | sentences[j] | sentences[next_j]
            train = [u for u in corpus if u.id not in held_out]
            validation = [u for u in corpus if u.id in speakers[next_i] & sentences[next_j]]
            test = [u for u in corpus if u.id in speakers[i] & sentences[j]]
            splits.append(partition.split(i * folds + j, train, validation, test))
    return tuple(splits)


def _ids_of_groups(
    protocol: str, corpus: Corpus, key: str, folds: int, seed: int, known: Mapping[str, str]
) -> list[set[str]]:
    """Return the utterances of each of ``folds`` groups of speakers (or sentences)."""
    groups = Partition(protocol, corpus, known, seed, (key,)).groups(corpus.utterances)
    if folds < 3 or len(groups) < folds:
        raise SplitError(
            f"{protocol} with {folds} folds needs at least {max(folds, 3)} {key}s and 3 folds (test, validation, "
            f"training), found {len(groups)} {key}s; use another number of folds or another protocol"
        )
    return [{u.id for u in part} for part in share_out(groups, (1 / folds,) * folds, seed)]


def folds_from(
    corpus: Corpus,
    *,
    file: str | Path,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Duplicates = None,
) -> Splits:
    """Published folds: a CSV of ``id,fold``, or a folder of EmoBox's ``test_fold_1.jsonl`` and so on.

    Where every fold of the file keeps speakers (sessions, sentences) apart, the validation part, which is
    taken from training, keeps them apart too, and the splits say so.
    """
    folds = read_folds(Path(file), corpus)
    disjoint_by = tuple(
        key for key in DISJOINT_KEYS if all(_apart(train, test, key) for train, test in folds)
    )
    known = _known(corpus, duplicates)
    return Partition("folds_from", corpus, known, seed, disjoint_by, validation_share).with_validation(
        [test for _, test in folds]
    )


for _protocol in (
    speaker_dependent_8_1_1,
    speaker_dependent_k_fold,
    leave_one_speaker_out,
    speaker_independent_k_fold,
    leave_one_session_out,
    sentence_independent_k_fold,
    speaker_and_sentence_independent,
    folds_from,
):
    PROTOCOLS.add(_protocol.__name__, _protocol)


def make_splits(
    corpus: Corpus, config: ProtocolConfig, *, seed: int = 0, duplicates: Mapping[str, str] | None = None
) -> Splits:
    """Return the splits of the protocol that a configuration names.

    Raises:
        UnknownNameError: no such protocol.
        ConfigError: an option that this protocol does not take, or ``folds_from`` without its file.
        SplitError: the corpus cannot satisfy the protocol.
    """
    protocol = PROTOCOLS[config.name]
    takes = inspect.signature(protocol).parameters
    refuse_unused(config.name, config.model_dump(exclude_defaults=True, exclude={"name"}))
    if "file" in takes and config.file is None:
        raise ConfigError(
            f"protocol '{config.name}' needs protocol.file, the file or folder of the folds; set it"
        )
    options = {option: value for option, value in config.model_dump().items() if option in takes}
    return protocol(corpus, seed=seed, duplicates=duplicates, **options)


def refuse_unused(name: str, options: Iterable[str]) -> None:
    """Refuse options that a protocol does not take, rather than ignore them.

    Raises:
        UnknownNameError: no such protocol.
        ConfigError: the first such option.
    """
    takes = inspect.signature(PROTOCOLS[name]).parameters
    for option in options:
        if option not in takes:
            raise ConfigError(
                f"protocol '{name}' takes no '{option}'; leave it away or choose another protocol"
            )


def _known(corpus: Corpus, duplicates: Duplicates) -> Mapping[str, str]:
    return find_duplicates(corpus) if duplicates is None else duplicates


def _apart(train: Part, test: Part, key: str) -> bool:
    values = [{getattr(utterance, key) for utterance in side} for side in (train, test)]
    return None not in values[0] | values[1] and not values[0] & values[1]
