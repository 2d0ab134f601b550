"""The low rooms: configuration, labels, mapping files, registry."""

import re

import pytest

from magtfnet import ConfigError, LabelError, load_config
from magtfnet.config import to_plain
from magtfnet.corpora.mapping import LabelMapping, load_mapping
from magtfnet.labels import LABEL_SETS, Emotion, LabelSet, emotion_of
from magtfnet.registry import Registry


def test_defaults_are_the_papers():
    config = load_config()
    assert (config.audio.sample_rate, config.features.stft.n_fft, config.features.log_mel.n_mels) == (
        16_000,
        512,
        40,
    )
    training = config.training
    assert (training.learning_rate, training.batch_size, training.epochs, training.patience) == (
        1e-3,
        32,
        50,
        25,
    )
    assert config.model.name == "magtf_net"
    assert (
        config.protocol.name == "speaker_independent_k_fold"
    )  # the safe one; the leaky one is asked for by name


def test_files_and_overrides(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[training]\nepochs = 7\nlearning_rate = 0.01\n[model]\nname = "magtf_net_frames"\n')
    config = load_config(file, ["training.epochs=9", "model.dropout=0.1", "audio.channels=first"])
    assert (config.training.epochs, config.training.learning_rate) == (9, 0.01)
    assert (config.model.name, config.model.overrides) == ("magtf_net_frames", {"dropout": 0.1})
    assert config.audio.channels == "first"


def test_what_is_written_reads_back_equal(tmp_path):
    import tomli_w

    config = load_config(None, ["model.kernel_sizes=[3, 5]", "training.epochs=3"])
    (tmp_path / "c.toml").write_text(tomli_w.dumps(to_plain(config)))
    again = load_config(tmp_path / "c.toml")
    assert to_plain(again) == to_plain(config)
    assert (again.training, again.audio, again.features) == (config.training, config.audio, config.features)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.epoch=3",
            r"unknown configuration key 'training.epoch', expected one of batch_size, .*did you mean 'epochs'",
        ),
        (
            "trainin.epochs=3",
            r"unknown configuration key 'trainin', expected one of audio, .*did you mean 'training'",
        ),
        (
            "features.log_mel.mels=3",
            r"unknown configuration key 'features.log_mel.mels', expected one of f_max",
        ),
        ("training.epochs=many", r"configuration training.epochs = 'many': input should be a valid integer"),
        (
            "training.epochs=0",
            r"configuration training.epochs = 0: input should be greater than or equal to 1",
        ),
        ("training.learning_rate=-1", r"training.learning_rate = -1: input should be greater than 0"),
        (
            "training.optimizer=rmsprop",
            r"training.optimizer = 'rmsprop': input should be 'adam', 'adamw' or 'sgd'",
        ),
        ("features.stft.win_length=600", "win_length 600 must be at most n_fft 512"),
        ("epochs", "override 'epochs' is not of the form section.key=value"),
        ("=3", "override '=3' is not of the form"),
        ("training.epochs.x=3", "configuration training.epochs"),
        ("features.statistics=[]", "features.statistics"),
        ("features.statistics=['mean', 'mean']", "statistics names one twice: mean, mean"),
        ("training.copies=['noise', 'noise']", "copies names one twice: noise, noise"),
        ("training.epochs=true", "training.epochs = True: a boolean where a number was expected"),
        ("training.weight_decay=false", "training.weight_decay = False: a boolean where a number"),
        ("training=3", "configuration training = 3"),
    ],
)
def test_refused_settings_are_named(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])


def test_an_override_below_a_value(tmp_path):
    with pytest.raises(ConfigError, match="'epochs' is a value, not a section"):
        load_config(None, ["training.epochs=3", "training.epochs.x=4"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epochs = ", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (None, "no such configuration file; check the path"),
    ],
)
def test_files_that_are_no_configuration(tmp_path, content, message):
    file = tmp_path / "c.toml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=message):
        load_config(file)
    with pytest.raises(ConfigError, match="a folder where a configuration file was expected"):
        load_config(tmp_path)


def test_a_frozen_configuration():
    with pytest.raises(ValueError, match="frozen"):
        load_config().training.epochs = 3


def test_spellings():
    assert emotion_of("Angry") == emotion_of(" anger ") == Emotion.ANGER
    assert emotion_of("hap") == Emotion.HAPPINESS
    assert emotion_of("stress") is None


def test_label_sets():
    assert LabelSet(("anger", "boredom", "fear")).index("fear") == 2
    merged = LabelSet(("anger", "happiness"), {"excitement": "happiness"})
    assert merged.index("excitement") == 1
    assert "excitement" in merged
    assert "fear" not in merged
    assert len(merged) == 2
    assert LabelSet.of(["b", "a", "b"]).classes == ("a", "b")
    with pytest.raises(LabelError, match="unknown emotion 'fear', expected one of anger, happiness"):
        merged.index("fear")
    with pytest.raises(LabelError, match=r"needs at least 2 emotions, found 1 \(anger\); add another"):
        LabelSet(("anger",))
    with pytest.raises(LabelError, match="names a class twice"):
        LabelSet(("anger", "anger"))
    with pytest.raises(LabelError, match="'joy' is merged into 'happiness', which is not one of"):
        LabelSet(("anger", "fear"), {"joy": "happiness"})


def test_mapping_files(tmp_path):
    file = tmp_path / "m.toml"
    file.write_text(
        'speaker = \'^(..)_\'\n[emotions]\nwut = "anger"\nHappy = "hap"\nstress = "stress"\nother = false\n'
    )
    mapping = load_mapping(file)
    assert mapping.emotion("wut", file) == "anger"
    assert mapping.emotion("Happy", file) == "happiness"
    assert mapping.emotion("stress", file) == "stress"  # an emotion of one's own
    assert mapping.emotion("other", file) is None
    assert mapping.emotion("sad", file) == "sadness"  # a known spelling needs no mapping
    assert mapping.speaker.search("07_x.wav")[1] == "07"
    with pytest.raises(
        LabelError, match=r"unknown emotion 'meh', expected one of anger, .*map it in a mapping file"
    ):
        LabelMapping().emotion("meh", "table.csv, row 3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[emotion]\na = 1\n", "unknown key 'emotion', expected one of emotions, sentence, speaker"),
        ("emotions = 3\n", "'emotions' must be a section"),
        ("[emotions]\na = 3\n", "emotions.a = 3, expected an emotion's name or false"),
        ("speaker = '('\n", "is not a pattern"),
        ("speaker = 'abc'\n", "has no group; put the speaker in brackets"),
        ("speaker = 3\n", "is not a pattern"),
        ("x = \n", "not TOML"),
    ],
)
def test_mapping_files_that_are_refused(tmp_path, text, message):
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_mapping(tmp_path / "m.toml")


def test_misspelt_lines_of_a_mapping_are_refused():
    def mapping(*natives):
        return LabelMapping(dict.fromkeys(natives, "anger"))

    for natives, label, near in ((["boredem"], "boredom", "boredom"), (["BOREDOM"], "boredom", "boredom")):
        with pytest.raises(LabelError, match=f"no label '{natives[0]}' in the corpus; did you mean '{near}'"):
            mapping(*natives).refuse_misspelt({label, "sadness"})
    mapping("stress", "boredom").refuse_misspelt({"boredom", "sadness"})  # 'stress' may be of another corpus
    mapping("boredem", "boredom").refuse_misspelt({"boredom", "sadness"})
    read = mapping("anger")
    read.emotion("angry", "a.wav")
    read.refuse_misspelt(())  # 'angry' is anger
    LabelMapping.of(LABEL_SETS["iemocap_4"]).refuse_misspelt({"excited"})


def test_a_mark_before_the_first_line_is_no_mistake(tmp_path):
    for name, text in (("m.toml", '[emotions]\na = "joy"\n'), ("c.toml", "[training]\nepochs = 3\n")):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert load_mapping(tmp_path / "m.toml").emotions == {"a": "happiness"}
    assert load_config(tmp_path / "c.toml").training.epochs == 3


def test_a_mapping_file_that_is_missing(tmp_path):
    with pytest.raises(ConfigError, match="No such file or directory; name the mapping file"):
        load_mapping(tmp_path / "m.toml")


def test_registry():
    registry = Registry("thing")
    registry.add("b", 2)
    registry.add("a", 1)
    assert list(registry) == ["a", "b"]
    assert registry["a"] == 1
    assert "c" not in registry
    assert len(registry) == 2
    with pytest.raises(ValueError, match="thing 'a' is registered twice"):
        registry.add("a", 3)
