"""Who said what with which label: readers, audits, and splits that cannot leak."""

# Importing a reader registers it: a new corpus is one file and one line here.
from magtfnet.corpora import (  # noqa: F401
    audformat,
    casia,
    crema_d,
    emodb,
    emovo,
    esd,
    folder,
    iemocap,
    jl_corpus,
    meld,
    nemo,
    ravdess,
    savee,
    synthetic,
    table,
    tess,
)
from magtfnet.corpora.base import CORPORA as CORPORA
from magtfnet.corpora.base import Corpus as Corpus
from magtfnet.corpora.base import CorpusInfo as CorpusInfo
from magtfnet.corpora.base import LeftOut as LeftOut
from magtfnet.corpora.base import Part as Part
from magtfnet.corpora.base import Utterance as Utterance
from magtfnet.corpora.loading import load_corpus as load_corpus

from magtfnet.corpora import protocols as protocols  # isort: skip
from magtfnet.corpora.splits import Split as Split
