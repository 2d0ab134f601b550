"""The protocols, by names that say what they are. Each returns its splits; each split checks itself.

Utterances with the same samples are always kept together. The validation part is as disjoint from training as the
test part is. Seeds decide who goes where and nothing else does.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from magtfnet.config import ProtocolConfig
from magtfnet.corpora.base import Corpus, Utterance
from magtfnet.corpora.duplicates import find_duplicates
from magtfnet.corpora.fold_files import read_folds
from magtfnet.corpora.folds import Group, group_by, share_out
from magtfnet.corpora.splits import DISJOINT_KEYS, Split, unknown_key_message
from magtfnet.errors import ConfigError, SplitError
from magtfnet.registry import Registry

Splits = tuple[Split, ...]
PROTOCOLS: Registry[Callable[..., Splits]] = Registry("protocol")


def speaker_dependent_8_1_1(
    corpus: Corpus, *, seed: int = 0, stratified: bool = True, duplicates: Mapping[str, str] | None = None
) -> Splits:
    """One split of 8 : 1 : 1 by utterances, stratified by emotion: the paper's own (section 4.2).

    Speakers are shared between the parts, so the result says nothing about new speakers.

    Args:
        corpus: what to split.
        seed: decides who goes where.
        stratified: every class in these proportions; False shares out all utterances alike.
        duplicates: as ``find_duplicates`` returns them; found by decoding where not given.
    """
    protocol, copies = "speaker_dependent_8_1_1", _copies(corpus, duplicates)
    groups = _groups(corpus.utterances, (), copies)
    if stratified:
        _refuse_small_classes(protocol, groups, 3)
        train, test, validation = share_out(groups, (0.8, 0.1, 0.1), seed)
    else:
        train, test, validation = _ignoring_classes(groups, (0.8, 0.1, 0.1), seed)
    return (_split(protocol, 0, corpus, (train, validation, test), (), copies),)


def speaker_dependent_k_fold(
    corpus: Corpus,
    *,
    folds: int = 5,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Mapping[str, str] | None = None,
) -> Splits:
    """K folds by utterances, stratified by emotion; speakers are shared. Every utterance is tested once.

    Args:
        corpus: what to split.
        folds: how many.
        seed: decides who goes where.
        validation_share: of the corpus, taken from what is not tested.
        duplicates: as ``find_duplicates`` returns them.
    """
    copies = _copies(corpus, duplicates)
    _refuse_small_classes("speaker_dependent_k_fold", _groups(corpus.utterances, (), copies), max(folds, 3))
    return _k_fold("speaker_dependent_k_fold", corpus, (), folds, seed, validation_share, copies)


def leave_one_speaker_out(
    corpus: Corpus, *, seed: int = 0, validation_share: float = 0.1, duplicates: Mapping[str, str] | None = None
) -> Splits:
    """As many splits as speakers; each tests one speaker, in sorted order. Arguments as in the k-fold protocols."""
    return _leave_one_out("leave_one_speaker_out", corpus, "speaker", seed, validation_share, duplicates)


def leave_one_session_out(
    corpus: Corpus, *, seed: int = 0, validation_share: float = 0.1, duplicates: Mapping[str, str] | None = None
) -> Splits:
    """As many splits as sessions; each tests one session, in sorted order. Arguments as in the k-fold protocols."""
    return _leave_one_out("leave_one_session_out", corpus, "session", seed, validation_share, duplicates)


def speaker_independent_k_fold(
    corpus: Corpus,
    *,
    folds: int = 5,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Mapping[str, str] | None = None,
) -> Splits:
    """K folds of whole speakers: nobody who is tested was heard in training or validation."""
    copies = _copies(corpus, duplicates)
    return _k_fold("speaker_independent_k_fold", corpus, ("speaker",), folds, seed, validation_share, copies)


def sentence_independent_k_fold(
    corpus: Corpus,
    *,
    folds: int = 5,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Mapping[str, str] | None = None,
) -> Splits:
    """K folds of whole sentences: no text that is tested was read in training. Speakers are shared."""
    copies = _copies(corpus, duplicates)
    return _k_fold("sentence_independent_k_fold", corpus, ("sentence",), folds, seed, validation_share, copies)


def speaker_and_sentence_independent(
    corpus: Corpus, *, folds: int = 5, seed: int = 0, duplicates: Mapping[str, str] | None = None
) -> Splits:
    """Speakers and sentences both new: k groups of speakers by k groups of sentences make k x k splits.

    Each tests one group of speakers on one group of sentences, validates on the next of both, and trains on the rest
    of both; utterances of a tested speaker in a training sentence belong to no part. Every utterance is tested once.
    """
    protocol, copies = "speaker_and_sentence_independent", _copies(corpus, duplicates)
    sides = []
    for key in ("speaker", "sentence"):
        groups = _groups(corpus.utterances, (key,), copies, protocol)
        if folds < 3 or len(groups) < folds:
            raise SplitError(
                f"{protocol} with {folds} folds needs at least {max(folds, 3)} {key}s and 3 folds (test, validation, "
                f"training), found {len(groups)} {key}s; use another number of folds or another protocol"
            )
        shared = share_out(groups, (1 / folds,) * folds, seed)
        sides.append([{u.id for u in part} for part in shared])
    speakers, sentences = sides
    splits = []
    for i in range(folds):
        for j in range(folds):
            test_ids = speakers[i] & sentences[j]
            next_i, next_j = (i + 1) % folds, (j + 1) % folds
            validation_ids = speakers[next_i] & sentences[next_j]
            known = speakers[i] | speakers[next_i] | sentences[j] | sentences[next_j]
            parts = (
                [u for u in corpus if u.id not in known],
                [u for u in corpus if u.id in validation_ids],
                [u for u in corpus if u.id in test_ids],
            )
            splits.append(_split(protocol, i * folds + j, corpus, parts, ("speaker", "sentence"), copies))
    return tuple(splits)


def folds_from(
    corpus: Corpus,
    *,
    file: str | Path,
    seed: int = 0,
    validation_share: float = 0.1,
    duplicates: Mapping[str, str] | None = None,
) -> Splits:
    """Published folds: a CSV of ``id,fold``, or a folder of EmoBox's ``train_fold_1.jsonl`` and ``test_fold_1.jsonl``.

    Where every fold of the file keeps speakers (sessions, sentences) apart, the validation part, which is taken from
    training, keeps them apart too, and the splits say so.
    """
    protocol, copies = "folds_from", _copies(corpus, duplicates)
    folds = read_folds(Path(file), corpus)
    disjoint_by = tuple(key for key in DISJOINT_KEYS if all(_apart(train, test, key) for train, test in folds))
    splits = []
    for number, (rest, test) in enumerate(folds):
        share = validation_share * len(corpus) / len(rest)
        train, validation = _hold_out(protocol, rest, share, disjoint_by, copies, seed + number)
        splits.append(_split(protocol, number, corpus, (train, validation, test), disjoint_by, copies))
    return tuple(splits)


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
        raise ConfigError(f"protocol '{config.name}' needs protocol.file, the file or folder of the folds; set it")
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
            raise ConfigError(f"protocol '{name}' takes no '{option}'; leave it away or choose another protocol")


def _copies(corpus: Corpus, duplicates: Mapping[str, str] | None) -> Mapping[str, str]:
    return find_duplicates(corpus) if duplicates is None else duplicates


def _groups(
    utterances: Sequence[Utterance], disjoint_by: Sequence[str], copies: Mapping[str, str], protocol: str = ""
) -> list[Group]:
    """Return what must stay together: everything of one speaker (sentence, session), and equal recordings."""
    for key in disjoint_by:
        for utterance in utterances:
            if getattr(utterance, key) is None:
                raise SplitError(unknown_key_message(protocol, utterance.id, key))
    keys = [lambda u, key=key: getattr(u, key) for key in disjoint_by]
    return group_by(utterances, [*keys, lambda u: copies.get(u.id)])


def _k_fold(
    protocol: str,
    corpus: Corpus,
    disjoint_by: tuple[str, ...],
    folds: int,
    seed: int,
    validation_share: float,
    copies: Mapping[str, str],
) -> Splits:
    if folds < 2:
        raise SplitError(f"{protocol} with {folds} folds has nothing to train on; use at least 2 folds")
    groups = _groups(corpus.utterances, disjoint_by, copies, protocol)
    # What is not tested must still make training and validation: with two folds, either has two groups.
    least = 2 if folds == 2 else 1
    needed = folds * least
    if len(groups) < needed:
        what = disjoint_by[0] if disjoint_by else "recording"
        raise SplitError(
            f"{protocol} with {folds} folds needs at least {needed} {what}s, found {len(groups)}; "
            "use fewer folds or another protocol"
        )
    tests = share_out(groups, (1 / folds,) * folds, seed, least)
    return _with_validation(protocol, corpus, disjoint_by, tests, validation_share, seed, copies)


def _leave_one_out(
    protocol: str,
    corpus: Corpus,
    key: str,
    seed: int,
    validation_share: float,
    duplicates: Mapping[str, str] | None,
) -> Splits:
    copies = _copies(corpus, duplicates)
    groups = _groups(corpus.utterances, (key,), copies, protocol)
    values = {getattr(utterance, key) for utterance in corpus}
    if len(values) < 3:
        raise SplitError(
            f"{protocol} needs at least 3 {key}s (test, validation, training), found {len(values)}; "
            "choose another protocol"
        )
    for group in groups:
        shared = sorted({getattr(utterance, key) for utterance in group})
        if len(shared) > 1:
            raise SplitError(
                f"{protocol}: {key}s '{shared[0]}' and '{shared[1]}' have a recording with the same samples; "
                "'magtfnet check' lists it: correct the corpus"
            )
    tests = [list(group) for group in sorted(groups, key=lambda group: str(getattr(group[0], key)))]
    return _with_validation(protocol, corpus, (key,), tests, validation_share, seed, copies)


def _with_validation(
    protocol: str,
    corpus: Corpus,
    disjoint_by: tuple[str, ...],
    tests: Sequence[Sequence[Utterance]],
    validation_share: float,
    seed: int,
    copies: Mapping[str, str],
) -> Splits:
    splits = []
    for number, test in enumerate(tests):
        tested = {utterance.id for utterance in test}
        rest = [utterance for utterance in corpus if utterance.id not in tested]
        share = validation_share * len(corpus) / len(rest)
        train, validation = _hold_out(protocol, rest, share, disjoint_by, copies, seed + number)
        splits.append(_split(protocol, number, corpus, (train, validation, test), disjoint_by, copies))
    return tuple(splits)


def _hold_out(
    protocol: str,
    rest: Sequence[Utterance],
    share: float,
    disjoint_by: tuple[str, ...],
    copies: Mapping[str, str],
    seed: int,
) -> tuple[list[Utterance], list[Utterance]]:
    """Return training and validation: ``share`` of what is not tested, as disjoint as the test part is."""
    if not 0 < share < 1:
        raise SplitError(f"{protocol}: validation_share leaves nothing to train on; make it smaller")
    groups = _groups(rest, disjoint_by, copies, protocol)
    train, validation = share_out(groups, (1 - share, share), seed)
    return train, validation


def _apart(train: Sequence[Utterance], test: Sequence[Utterance], key: str) -> bool:
    values = [{getattr(utterance, key) for utterance in side} for side in (train, test)]
    return None not in values[0] | values[1] and not values[0] & values[1]


def _ignoring_classes(groups: Sequence[Group], shares: Sequence[float], seed: int) -> list[list[Utterance]]:
    order = np.random.default_rng(seed).permutation(len(groups))
    bounds = np.round(np.cumsum(shares)[:-1] * len(groups)).astype(int)
    return [[u for g in part for u in groups[g]] for part in np.split(order, bounds)]


def _refuse_small_classes(protocol: str, groups: Sequence[Group], needed: int) -> None:
    counts: dict[str, int] = {}
    for group in groups:
        for emotion in {utterance.emotion for utterance in group}:
            counts[emotion] = counts.get(emotion, 0) + 1
    for emotion, count in sorted(counts.items()):
        if count < needed:
            raise SplitError(
                f"class '{emotion}' has {count} utterances and {protocol} needs at least {needed}; "
                "use fewer folds, leave the class out, or merge it with another"
            )


def _split(
    protocol: str,
    fold: int,
    corpus: Corpus,
    parts: Sequence[Sequence[Utterance]],
    disjoint_by: tuple[str, ...],
    copies: Mapping[str, str],
) -> Split:
    position = {utterance.id: i for i, utterance in enumerate(corpus)}
    train, validation, test = (tuple(sorted(part, key=lambda u: position[u.id])) for part in parts)
    return Split(protocol, fold, train, validation, test, disjoint_by, copies)
