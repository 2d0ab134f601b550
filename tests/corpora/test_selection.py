"""Parts and label sets: what is selected, and which official counts then stand beside what was found."""

import pytest

from magtfnet import ConfigError, CorpusError, UnknownNameError, load_corpus
from magtfnet.corpora.audit import audit
from magtfnet.corpora.synthetic import write_corpus
from magtfnet.labels import IEMOCAP_4, LABEL_SETS, LabelSet


@pytest.fixture(scope="module")
def iemocap(tmp_path_factory):
    """Two improvised and two scripted turns of each of five emotions."""
    root = tmp_path_factory.mktemp("iemocap")
    emotions = ("anger", "excitement", "frustration", "happiness", "neutral")
    write_corpus(root, "iemocap", speakers=2, sentences=1, emotions=emotions, takes=2)
    return root


def select(root, **options):
    return load_corpus("iemocap", root, allow_incomplete=True, **options)


def test_a_part(iemocap):
    corpus = select(iemocap, part="improvised")
    assert len(corpus) == 10
    assert all("_impro" in u.id for u in corpus)
    assert {item.reason for item in corpus.left_out} == {"not improvised dialogues"}
    assert corpus.info.title.endswith("English dialogues: improvised dialogues")
    assert corpus.info.utterances is None  # nobody counts improvised frustration
    assert corpus.describe().startswith("10 utterances of iemocap, improvised, ")


def test_a_label_set_by_name_and_by_value(iemocap):
    named = select(iemocap, mapping="iemocap_4")
    assert named.counts() == {"anger": 4, "happiness": 8, "neutral": 4}
    assert named.utterances == select(iemocap, mapping=IEMOCAP_4).utterances
    assert {item.reason for item in named.left_out} == {
        "emotion 'frustration' is left out by the label set iemocap_4"
    }
    unmerged = select(iemocap, mapping="iemocap_4_without_excitement")
    assert unmerged.counts() == {"anger": 4, "happiness": 4, "neutral": 4}
    assert set(LABEL_SETS) == {"iemocap_4", "iemocap_4_without_excitement"}


def test_a_label_set_of_ones_own_data(tmp_path):
    write_corpus(tmp_path, "folder", speakers=1, sentences=1, takes=1, emotions=("anger", "fear", "sadness"))
    corpus = load_corpus("folder", tmp_path, mapping=LabelSet(("anger", "sadness")))
    assert corpus.counts() == {"anger": 1, "sadness": 1}
    assert corpus.info.utterances is None


def test_official_counts_follow_a_mapping_file(iemocap, tmp_path):
    (tmp_path / "m.toml").write_text("[emotions]\nexcitement = 'happiness'\nfrustration = false\n")
    info = select(iemocap, mapping=tmp_path / "m.toml").info
    assert info.classes["happiness"] == 595 + 1041
    assert "frustration" not in info.classes
    assert info.utterances == 7532 - 1849
    assert info.speakers == 10


def test_merging_alone_keeps_what_is_known_of_the_whole(tmp_path):
    write_corpus(tmp_path / "e", "emodb", speakers=2, sentences=1, takes=1)
    (tmp_path / "m.toml").write_text("[emotions]\nboredom = 'sadness'\n")
    info = load_corpus("emodb", tmp_path / "e", mapping=tmp_path / "m.toml", allow_incomplete=True).info
    assert (info.utterances, info.classes["sadness"], info.seconds) == (535, 62 + 81, 1487.09)
    (tmp_path / "m.toml").write_text("[emotions]\nboredom = false\n")
    info = load_corpus("emodb", tmp_path / "e", mapping=tmp_path / "m.toml", allow_incomplete=True).info
    assert (info.utterances, info.seconds, info.shortest) == (535 - 81, None, None)


def test_an_emotion_without_an_official_count_makes_the_total_unknown(iemocap, tmp_path):
    (tmp_path / "m.toml").write_text("[emotions]\nfrustration = 'anger'\n")
    info = select(iemocap, part="improvised", mapping=tmp_path / "m.toml").info
    assert info.utterances is None
    assert "anger" not in info.classes
    assert info.classes["neutral"] == 1099


def test_the_audit_compares_with_the_counts_of_the_selection(iemocap):
    found = audit(select(iemocap, part="improvised", mapping="iemocap_4"))
    messages = [finding.message for finding in found.findings]
    assert "8 utterances, the original has 2943" in messages
    assert "4 utterances of happiness, the original has 947" in messages
    assert found.to_dict()["official_utterances"] == 2943
    assert found.to_dict()["part"] == "improvised"


def test_parts_that_are_not_there(iemocap, tmp_path):
    with pytest.raises(
        UnknownNameError, match="unknown part of iemocap 'impro', expected one of improvised, scripted"
    ):
        select(iemocap, part="impro")
    write_corpus(tmp_path, "emodb", speakers=2, sentences=1, takes=1)
    with pytest.raises(ConfigError, match="corpus 'emodb' has no named parts; leave --only improvised away"):
        load_corpus("emodb", tmp_path, part="improvised")


def test_a_label_set_that_nobody_knows_is_taken_for_a_file(iemocap):
    with pytest.raises(
        ConfigError, match=r"iemocap_5: No such file or directory; name the mapping file, or a label set"
    ):
        select(iemocap, mapping="iemocap_5")


def test_a_selection_does_not_hide_that_the_copy_is_incomplete(iemocap):
    with pytest.raises(CorpusError, match="iemocap is incomplete, 20 utterances instead of 7532"):
        load_corpus("iemocap", iemocap, part="improvised", mapping="iemocap_4")


def test_check_and_train_say_the_official_count(cli, iemocap):
    found = cli("check", "iemocap", iemocap, "--only", "improvised", "--labels", "iemocap_4")
    assert found.code == 1
    assert "iemocap, improvised, at" in found.out
    assert "utterances   8 (official 2943)" in found.out
    found = cli("check", "iemocap", iemocap, "--only", "improvised")
    assert "utterances   10\n" in found.out
    found = cli("corpora")
    assert "--only improvised: improvised dialogues" in found.out
    assert "--only first_40_texts: texts 201 to 240" in found.out
    found = cli("check", "iemocap", iemocap, "--only", "x")
    assert (found.code, found.out) == (2, "")
    assert "unknown part of iemocap 'x', expected one of improvised, scripted" in found.err
