"""How each corpus lays out its files: the name of what is said, the labels that lie beside, how far names go.

What ``magtfnet synthesize --layout`` writes, and what the readers are tested on.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from magtfnet.corpora import (
    casia,
    crema_d,
    emodb,
    emovo,
    esd,
    iemocap,
    jl_corpus,
    meld,
    nemo,
    ravdess,
    savee,
    tess,
)
from magtfnet.errors import ConfigError, UnknownNameError

TABLE = "table.csv"


@dataclass(frozen=True)
class Spoken:
    """One utterance to be written: who says which sentence how, counted from 0."""

    speaker: int
    sentence: int
    emotion: str
    take: int


Written = Sequence[tuple[Spoken, Path]]
"""What was said, and the recording of it."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The layout of a corpus.

    Args:
        path: where a recording lies below the root, with ``/``.
        codes: how the corpus spells each emotion; empty where it takes any.
        speakers: how many its names can tell apart.
        sentences: how many sentences.
        takes: how many takes of the same.
        labels: writes the files that lie beside the recordings.
    """

    path: Callable[[Spoken], str]
    codes: Mapping[str, str] = field(default_factory=dict)
    speakers: int = 99
    sentences: int = 99
    takes: int = 99
    labels: Callable[[Path, Written], None] | None = None


def checked_layout(
    name: str, *, speakers: int, sentences: int, emotions: Collection[str], takes: int
) -> Layout:
    """Return a layout that has names for all that is asked.

    Raises:
        UnknownNameError: no such layout.
        ConfigError: it has names for fewer speakers, sentences or takes, or not for an emotion.
    """
    if name not in LAYOUTS:
        raise UnknownNameError("layout", name, LAYOUTS)
    layout = LAYOUTS[name]
    asked = {"speakers": speakers, "sentences": sentences, "takes": takes}
    for what, count in asked.items():
        if count > getattr(layout, what):
            raise ConfigError(
                f"layout '{name}' has names for {getattr(layout, what)} {what}, found {count}; ask for fewer"
            )
    for emotion in emotions:
        if layout.codes and emotion not in layout.codes:
            raise ConfigError(
                f"layout '{name}' has no name for '{emotion}', expected one of {', '.join(sorted(layout.codes))}"
            )
    return layout


def is_female(speaker: int) -> bool:
    """Whether a speaker, counted from 0, is a woman, where the corpus has both."""
    return speaker % 2 == 1


def _codes(emotions: Mapping[str, str]) -> dict[str, str]:
    return {str(emotion): code for code, emotion in emotions.items()}


def synthetic_name(spoken: Spoken) -> str:
    """Return the name that the synthetic corpus gives."""
    return f"s{spoken.speaker + 1:02d}_t{spoken.sentence + 1:02d}_{spoken.emotion}_{spoken.take:02d}.wav"


def _write_csv(file: Path, rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue(), encoding="utf-8")


# EMO-DB and RAVDESS

EMODB_CODES = _codes(emodb.EMOTIONS)
EMODB_SPEAKERS = ("03", "08", "10", "09", "11", "13", "12", "14", "15", "16")  # male and female in turn
EMODB_SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
RAVDESS_CODES = _codes(ravdess.EMOTIONS)


def _emodb_path(spoken: Spoken) -> str:
    name = EMODB_SPEAKERS[spoken.speaker] + EMODB_SENTENCES[spoken.sentence] + EMODB_CODES[spoken.emotion]
    return f"wav/{name}{'abcdef'[spoken.take]}.wav"


def _ravdess_path(spoken: Spoken) -> str:
    actor, intensity, repetition = spoken.speaker + 1, spoken.take // 2 + 1, spoken.take % 2 + 1
    emotion, statement = RAVDESS_CODES[spoken.emotion], spoken.sentence + 1
    name = f"03-01-{emotion}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}.wav"
    return f"Actor_{actor:02d}/{name}"


# Corpora whose names say everything

CASIA_CODES = _codes(casia.EMOTIONS)
CASIA_SPEAKERS = ("wangzhe", "liuchanhg", "ZhaoZuoxiang", "zhaoquanyin")
TESS_CODES = _codes(tess.EMOTIONS)
TESS_WORDS = ("back", "bar", "base", "bath", "bean", "beg", "bite", "boat", "bone", "book")
TESS_FOLDERS = {
    "OAF": {"fear": "Fear", "ps": "Pleasant_surprise", "sad": "Sad"},
    "YAF": {"ps": "pleasant_surprised"},
}
CREMA_D_CODES = _codes(crema_d.EMOTIONS)
CREMA_D_MEN = [actor for actor in range(1001, 1092) if actor not in crema_d.FEMALE]
CREMA_D_ACTORS = list(chain.from_iterable(zip(CREMA_D_MEN, sorted(crema_d.FEMALE), strict=False)))
CREMA_D_SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
SAVEE_CODES = _codes(savee.EMOTIONS)
EMOVO_CODES = _codes(emovo.EMOTIONS)
EMOVO_SENTENCES = ("b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5")
ESD_CODES = _codes(esd.EMOTIONS)
ESD_ORDER = ("neutral", "angry", "happy", "sad", "surprise")
ESD_SPEAKERS = (4, 1, 5, 2, 6, 3, 8, 7, 10, 9, 11, 15, 12, 16, 13, 17, 14, 18, 20, 19)
JL_CODES = _codes(jl_corpus.EMOTIONS)
JL_FOLDER = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"


def _casia_path(spoken: Spoken) -> str:
    return f"{CASIA_SPEAKERS[spoken.speaker]}/{CASIA_CODES[spoken.emotion]}/{201 + spoken.sentence}.wav"


def _tess_path(spoken: Spoken) -> str:
    speaker, code = ("OAF", "YAF")[spoken.speaker], TESS_CODES[spoken.emotion]
    folder = TESS_FOLDERS[speaker].get(code, code)
    return f"{speaker}_{folder}/{speaker}_{TESS_WORDS[spoken.sentence]}_{code}.wav"


def _crema_d_path(spoken: Spoken) -> str:
    actor, sentence = CREMA_D_ACTORS[spoken.speaker], CREMA_D_SENTENCES[spoken.sentence]
    return f"AudioWAV/{actor}_{sentence}_{CREMA_D_CODES[spoken.emotion]}_XX.wav"


def _savee_path(spoken: Spoken) -> str:
    speaker = savee.SPEAKERS[spoken.speaker]
    return f"AudioData/{speaker}/{SAVEE_CODES[spoken.emotion]}{spoken.sentence + 1:02d}.wav"


def _emovo_path(spoken: Spoken) -> str:
    speaker = f"{'f' if is_female(spoken.speaker) else 'm'}{spoken.speaker // 2 + 1}"
    return f"EMOVO/{speaker}/{EMOVO_CODES[spoken.emotion]}-{speaker}-{EMOVO_SENTENCES[spoken.sentence]}.wav"


def _esd_path(spoken: Spoken) -> str:
    speaker, code = ESD_SPEAKERS[spoken.speaker], ESD_CODES[spoken.emotion]
    number = ESD_ORDER.index(code) * esd.SENTENCES + spoken.sentence + 1
    return f"{speaker:04d}/{code.capitalize()}/{speaker:04d}_{number:06d}.wav"


def _jl_corpus_path(spoken: Spoken) -> str:
    speaker = f"{'female' if is_female(spoken.speaker) else 'male'}{spoken.speaker // 2 + 1}"
    session, repetition = "ab"[spoken.take // 2], spoken.take % 2 + 1
    return f"{JL_FOLDER}/{speaker}_{JL_CODES[spoken.emotion]}_{spoken.sentence + 1}{session}_{repetition}.wav"


# Corpora with files of labels

NEMO_CODES = _codes(nemo.EMOTIONS)
NEMO_SPEAKERS = ("WR0", "EB0", "KS0", "KD0", "MP0", "MK0", "TP0", "IC0", "SM0")
IEMOCAP_CODES = _codes(iemocap.EMOTIONS)
MELD_CODES = _codes(meld.EMOTIONS)
MELD_FOLDERS = ("train/train_splits", "dev_splits_complete", "output_repeated_splits_test")
MELD_TABLES = ("train/train_sent_emo.csv", "dev_sent_emo.csv", "test_sent_emo.csv")
MELD_COLUMNS = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID",
                "Season", "Episode", "StartTime", "EndTime")  # fmt: skip


def _nemo_path(spoken: Spoken) -> str:
    return f"samples/{NEMO_SPEAKERS[spoken.speaker]}_{NEMO_CODES[spoken.emotion]}_{spoken.sentence + 1}.wav"


def _nemo_labels(root: Path, written: Written) -> None:
    lines = ["file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"]
    for spoken, path in written:
        speaker, sex = NEMO_SPEAKERS[spoken.speaker], "female" if is_female(spoken.speaker) else "male"
        emotion = NEMO_CODES[spoken.emotion]
        # A mark of quotation alone, and blanks before the speaker: as in the original.
        lines.append(f'{path.name}\t{emotion}\t„Ród" to słowo.\tród to słowo\t        {speaker}\t{sex}\t23\n')
    (root / nemo.TABLE).write_text("".join(lines), encoding="utf-8")


def _iemocap_path(spoken: Spoken) -> str:
    """Even takes are improvised, odd ones scripted; whoever speaks, the woman wears the markers in the former."""
    session, letter = spoken.speaker // 2 + 1, "F" if is_female(spoken.speaker) else "M"
    part = f"M_script01_{spoken.sentence + 1}" if spoken.take % 2 else f"F_impro{spoken.sentence + 1:02d}"
    number = 20 * (spoken.take // 2) + sorted(IEMOCAP_CODES).index(spoken.emotion)
    dialogue = f"Ses{session:02d}{part}"
    return f"Session{session}/sentences/wav/{dialogue}/{dialogue}_{letter}{number:03d}.wav"


def _iemocap_labels(root: Path, written: Written) -> None:
    dialogues: dict[Path, list[str]] = defaultdict(list)
    for spoken, path in written:
        session, dialogue = path.parents[3], path.parent.name
        lines = dialogues[session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"]
        start, code = 10.0 * len(lines), IEMOCAP_CODES[spoken.emotion]
        lines.append(
            f"[{start:.4f} - {start + 5:.4f}]\t{path.stem}\t{code}\t[2.5000, 3.0000, 3.5000]\n"
            "C-E2:\tNeutral;\t()\nA-E3:\tval 2; act 3; dom  4;\t()\n"
        )
    for file, lines in dialogues.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        file.write_text(header + "\n".join(lines), encoding="utf-8")


def _meld_path(spoken: Spoken) -> str:
    dialogue = 100 * spoken.speaker + spoken.sentence
    return f"{MELD_FOLDERS[spoken.take]}/dia{dialogue}_utt{sorted(MELD_CODES).index(spoken.emotion)}.wav"


def _meld_labels(root: Path, written: Written) -> None:
    tables: dict[str, list[Sequence[object]]] = {name: [MELD_COLUMNS] for name in MELD_TABLES}
    for spoken, path in written:
        rows = tables[MELD_TABLES[spoken.take]]
        dialogue, utterance = path.stem.removeprefix("dia").split("_utt")
        rows.append(
            (len(rows), "Oh, my…", f"Speaker {spoken.speaker + 1}", MELD_CODES[spoken.emotion], "neutral", dialogue,
             utterance, 1, spoken.sentence + 1, "00:00:00,000", "00:00:01,000")
        )  # fmt: skip
    for name, rows in tables.items():
        _write_csv(root / name, rows)


def _audformat_labels(root: Path, written: Written) -> None:
    speakers = sorted({spoken.speaker for spoken, _ in written})
    header = [
        "name: synthetic", "source: magtfnet synthesize", "usage: unrestricted", "languages: [deu]",
        "license: CC0-1.0", "schemes:", "  emotion: {dtype: str}", "  sentence: {dtype: str}", "  speaker:",
        "    dtype: int", "    labels:",
        *(f"      {n + 1}: {{gender: {'female' if is_female(n) else 'male'}}}" for n in speakers),
        "tables:", "  emotion:", "    type: filewise", "    columns:", "      emotion: {scheme_id: emotion}",
        "  files:", "    type: filewise", "    columns:", "      speaker: {scheme_id: speaker}",
        "      sentence: {scheme_id: sentence}",
    ]  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / "db.yaml").write_text("\n".join(header) + "\n", encoding="utf-8")
    files = [(path.relative_to(root).as_posix(), spoken) for spoken, path in written]
    _write_csv(root / "db.emotion.csv", [("file", "emotion"), *((name, s.emotion) for name, s in files)])
    rows = [(name, spoken.speaker + 1, f"t{spoken.sentence + 1:02d}") for name, spoken in files]
    _write_csv(root / "db.files.csv", [("file", "speaker", "sentence"), *rows])


def _table_labels(root: Path, written: Written) -> None:
    rows: list[Sequence[object]] = [("path", "emotion", "speaker", "sentence", "sex")]
    for spoken, path in written:
        sex = "female" if is_female(spoken.speaker) else "male"
        name = path.relative_to(root).as_posix()
        rows.append((name, spoken.emotion, f"s{spoken.speaker + 1:02d}", f"t{spoken.sentence + 1:02d}", sex))
    _write_csv(root / TABLE, rows)


LAYOUTS: dict[str, Layout] = {
    "audformat": Layout(path=lambda spoken: f"audio/{synthetic_name(spoken)}", labels=_audformat_labels),
    "casia": Layout(path=_casia_path, codes=CASIA_CODES, speakers=4, sentences=50, takes=1),
    "crema_d": Layout(path=_crema_d_path, codes=CREMA_D_CODES, speakers=86, sentences=12, takes=1),
    "emodb": Layout(path=_emodb_path, codes=EMODB_CODES, speakers=10, sentences=10, takes=6),
    "emovo": Layout(path=_emovo_path, codes=EMOVO_CODES, speakers=6, sentences=14, takes=1),
    "esd": Layout(path=_esd_path, codes=ESD_CODES, speakers=20, sentences=350, takes=1),
    "folder": Layout(path=lambda spoken: f"{spoken.emotion}/{synthetic_name(spoken)}"),
    "iemocap": Layout(path=_iemocap_path, codes=IEMOCAP_CODES, speakers=10, labels=_iemocap_labels),
    "jl_corpus": Layout(path=_jl_corpus_path, codes=JL_CODES, speakers=4, sentences=15, takes=4),
    "meld": Layout(path=_meld_path, codes=MELD_CODES, takes=3, labels=_meld_labels),
    "nemo": Layout(path=_nemo_path, codes=NEMO_CODES, speakers=9, sentences=90, takes=1, labels=_nemo_labels),
    "ravdess": Layout(path=_ravdess_path, codes=RAVDESS_CODES, speakers=24, sentences=2, takes=4),
    "savee": Layout(path=_savee_path, codes=SAVEE_CODES, speakers=4, sentences=15, takes=1),
    "synthetic": Layout(path=synthetic_name),
    "table": Layout(path=lambda spoken: f"recordings/{synthetic_name(spoken)}", labels=_table_labels),
    "tess": Layout(path=_tess_path, codes=TESS_CODES, speakers=2, sentences=len(TESS_WORDS), takes=1),
}
