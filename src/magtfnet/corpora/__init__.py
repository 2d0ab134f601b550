"""Who said what with which label: readers, audits, and splits that cannot leak."""

# Importing a reader registers it: a new corpus is one file and one line here.
from magtfnet.corpora import emodb, folder, ravdess, synthetic, table  # noqa: F401
from magtfnet.corpora.base import CORPORA as CORPORA
from magtfnet.corpora.base import Corpus as Corpus
from magtfnet.corpora.base import CorpusInfo as CorpusInfo
from magtfnet.corpora.base import LeftOut as LeftOut
from magtfnet.corpora.base import Utterance as Utterance
from magtfnet.corpora.base import load_corpus as load_corpus

from magtfnet.corpora import protocols as protocols  # isort: skip
from magtfnet.corpora.splits import Split as Split
