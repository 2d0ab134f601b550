"""How a protocol divides a corpus: whole groups to tests, and from what is left a validation part as disjoint."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from magtfnet.corpora.base import Corpus, Utterance
from magtfnet.corpora.folds import Group, group_by, share_out
from magtfnet.corpora.splits import Split, unknown_key_message
from magtfnet.errors import SplitError

Splits = tuple[Split, ...]
Part = Sequence[Utterance]


@dataclass(frozen=True)
class Partition:
    """A protocol's way through a corpus.

    Args:
        protocol: its name, for splits and errors.
        corpus: what is divided.
        duplicates: as ``find_duplicates`` returns them; these utterances stay together.
        seed: decides who goes where.
        disjoint_by: which of speaker, sentence and session stand on one side only.
        validation_share: of the corpus, taken from what is not tested.
    """

    protocol: str
    corpus: Corpus
    duplicates: Mapping[str, str]
    seed: int
    disjoint_by: tuple[str, ...] = ()
    validation_share: float = 0.1

    def groups(self, utterances: Part) -> list[Group]:
        """Return what must stay together: everything of one speaker (sentence, session), and equal recordings."""
        for key in self.disjoint_by:
            for utterance in utterances:
                if getattr(utterance, key) is None:
                    raise SplitError(unknown_key_message(self.protocol, utterance.id, key))
        keys = [lambda u, key=key: getattr(u, key) for key in self.disjoint_by]
        return group_by(utterances, [*keys, lambda u: self.duplicates.get(u.id)])

    def k_fold(self, folds: int) -> Splits:
        """Test each of ``folds`` parts of whole groups once."""
        if folds < 2:
            raise SplitError(
                f"{self.protocol} with {folds} folds has nothing to train on; use at least 2 folds"
            )
        groups = self.groups(self.corpus.utterances)
        # What is not tested must still make training and validation: with two folds, either has two groups.
        least = 2 if folds == 2 else 1
        if len(groups) < folds * least:
            what = self.disjoint_by[0] if self.disjoint_by else "recording"
            raise SplitError(
                f"{self.protocol} with {folds} folds needs at least {folds * least} {what}s, found {len(groups)}; "
                "use fewer folds or another protocol"
            )
        return self.with_validation(share_out(groups, (1 / folds,) * folds, self.seed, least))

    def leave_one_out(self) -> Splits:
        """Test each speaker (or session) once, in sorted order."""
        (key,) = self.disjoint_by
        groups = self.groups(self.corpus.utterances)
        values = {getattr(utterance, key) for utterance in self.corpus}
        if len(values) < 3:
            raise SplitError(
                f"{self.protocol} needs at least 3 {key}s (test, validation, training), found {len(values)}; "
                "choose another protocol"
            )
        for group in groups:
            shared = sorted({getattr(utterance, key) for utterance in group})
            if len(shared) > 1:
                raise SplitError(
                    f"{self.protocol}: {key}s '{shared[0]}' and '{shared[1]}' have a recording with the same samples; "
                    "'magtfnet check' lists it: correct the corpus"
                )
        return self.with_validation(sorted(groups, key=lambda group: str(getattr(group[0], key))))

    def with_validation(self, tests: Sequence[Part]) -> Splits:
        """Return a split for each test part, in order."""
        splits = []
        for number, test in enumerate(tests):
            tested = {utterance.id for utterance in test}
            rest = [utterance for utterance in self.corpus if utterance.id not in tested]
            splits.append(self.split(number, *self.hold_out(rest, number), test))
        return tuple(splits)

    def hold_out(self, rest: Part, number: int) -> tuple[Part, Part]:
        """Return training and validation out of what is not tested, as disjoint as the test part is."""
        share = self.validation_share * len(self.corpus) / len(rest)
        if share >= 1:
            raise SplitError(f"{self.protocol}: validation_share leaves nothing to train on; make it smaller")
        train, validation = share_out(self.groups(rest), (1 - share, share), self.seed + number)
        return train, validation

    def split(self, number: int, train: Part, validation: Part, test: Part) -> Split:
        """Return a split whose parts are in the corpus's order."""
        position = {utterance.id: i for i, utterance in enumerate(self.corpus)}

        def ordered(part: Part) -> tuple[Utterance, ...]:
            return tuple(sorted(part, key=lambda u: position[u.id]))

        sides = ordered(train), ordered(validation), ordered(test)
        return Split(self.protocol, number, sides[0], sides[1], sides[2], self.disjoint_by, self.duplicates)

    def refuse_small_classes(self, needed: int) -> None:
        """Refuse a class with fewer recordings than there are parts that must have one."""
        groups = self.groups(self.corpus.utterances)
        counts = Counter(
            emotion for group in groups for emotion in {utterance.emotion for utterance in group}
        )
        for emotion, count in sorted(counts.items()):
            if count < needed:
                raise SplitError(
                    f"class '{emotion}' has {count} utterances and {self.protocol} needs at least {needed}; "
                    "use fewer folds or another protocol, or leave the class out or merge it by a mapping file "
                    "(--labels)"
                )


def share_out_ignoring_classes(
    groups: Sequence[Group], shares: Sequence[float], seed: int
) -> list[list[Utterance]]:
    """Return the groups in random order, cut at the shares of their number."""
    order = np.random.default_rng(seed).permutation(len(groups))
    bounds = np.round(np.cumsum(shares)[:-1] * len(groups)).astype(int)
    return [[u for g in part for u in groups[g]] for part in np.split(order, bounds)]
