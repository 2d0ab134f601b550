"""Options that set a configuration."""

import pytest

from magtfnet import ConfigError
from magtfnet.cli.options import experiment


@pytest.mark.parametrize("name", [r"a\b.csv", "a\u00a0b.csv", """a'b"c.csv""", "😀.csv"])
def test_paths_arrive_as_they_were_given(name):
    settings = experiment(None, None, {"--protocol": "folds_from", "--folds-file": name})
    assert settings.protocol.file == name


def test_an_option_is_above_the_file_and_beside_the_same_setting(tmp_path):
    (tmp_path / "c.toml").write_text('[model]\nname = "tim_net"\n[protocol]\nfolds = 7\n')
    settings = experiment(tmp_path / "c.toml", ["protocol.folds=3"], {"--model": "dual_tbnet", "--folds": 3})
    assert (settings.model.name, settings.protocol.folds) == ("dual_tbnet", 3)


def test_an_option_that_a_setting_contradicts_is_refused():
    with pytest.raises(
        ConfigError, match=r"--protocol a and --set protocol\.name=b differ; give one of them"
    ):
        experiment(None, ["protocol.name=b"], {"--protocol": "a"})
