"""Search: the space, every point once, going on after a kill, what was given up, and nothing of the test part."""

import csv
import shutil
import sqlite3
import tomllib

import filelock
import optuna
import pytest
from optuna.trial import TrialState
from tiny_model import TINY

from magtfnet import ConfigError, RunDirectoryError, load_config, load_corpus
from magtfnet.corpora.synthetic import write_corpus
from magtfnet.experiments import search as searching
from magtfnet.experiments import search_report
from magtfnet.experiments.cross_validation import plan
from magtfnet.experiments.search import SearchPlan, best, development_parts, ended, search
from magtfnet.experiments.search_space import PAPERS_GRID, Range, SearchSpace, read_space
from magtfnet.experiments.trainings import Announce

CONFIG = load_config(
    None, [*TINY, "training.epochs=2", "training.batch_size=8", "protocol.name=speaker_dependent_8_1_1"]
)
SPACE = SearchSpace({"training.learning_rate": (0.01, 0.001), "model.dropout": (0.1, 0.3)})


def points(trials):
    return sorted(tuple(trial.params[key] for key in SPACE.keys) for trial in trials)


@pytest.fixture(scope="module")
def grid(synthetic, tmp_path_factory, feature_cache):
    """A finished grid of four points."""
    folder = tmp_path_factory.mktemp("search") / "grid"
    return search(synthetic, folder, CONFIG, SearchPlan(SPACE), cache=feature_cache, jobs=1), folder


def test_the_papers_grid_has_27_points():
    assert PAPERS_GRID.size == 27
    assert PAPERS_GRID.is_grid
    assert SearchPlan().total == 27


def test_every_point_of_a_grid_is_tried_once(grid):
    trials, _ = grid
    assert points(trials) == [(0.001, 0.1), (0.001, 0.3), (0.01, 0.1), (0.01, 0.3)]
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}


def test_the_best_is_by_validation_wa_then_by_loss(grid):
    trials, _ = grid
    winner = best(trials)
    assert winner.value == max(trial.value for trial in trials)
    equals = [trial for trial in trials if trial.value == winner.value]
    assert winner.user_attrs["validation_loss"] == min(t.user_attrs["validation_loss"] for t in equals)
    assert best([]) is None


def test_what_is_written(grid, synthetic):
    trials, folder = grid
    search_report.write(folder, synthetic, CONFIG, SearchPlan(SPACE), trials)
    chosen = load_config(folder / "best.toml")
    assert chosen.training.learning_rate == best(trials).params["training.learning_rate"]
    assert chosen.model.overrides["dropout"] == best(trials).params["model.dropout"]
    assert chosen.model.overrides["d_model"] == 16
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_WA"]) for row in rows] == [trial.value for trial in trials]
    page = (folder / "search.html").read_text()
    assert "<svg" in page
    assert "the test part was not read" in page
    assert "| 0.01 | 0.1 |" in (folder / "search.md").read_text()


def test_going_on_with_a_finished_grid_does_nothing(grid, synthetic, feature_cache, monkeypatch):
    trials, folder = grid
    monkeypatch.setattr(searching, "learn", None)
    monkeypatch.setattr("magtfnet.experiments.trainings.best_workers", lambda *a: pytest.fail("tried"))
    again = search(synthetic, folder, CONFIG, SearchPlan(SPACE), resume=True, cache=feature_cache)
    assert [trial.number for trial in again] == [trial.number for trial in trials]


@pytest.mark.parametrize("power_cut", [True, False])
def test_an_interrupted_trial_is_done_again(power_cut, synthetic, tmp_path, feature_cache, monkeypatch):
    """Two trials end, the third does not: it is 'failed' in the file, after a power cut 'running'."""
    learn, calls = searching.learn, []

    def third_is_killed(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return learn(*arguments, **options)

    monkeypatch.setattr(searching, "learn", third_is_killed)
    folder, wanted = tmp_path / "s", SearchPlan(SPACE)
    with pytest.raises(KeyboardInterrupt):
        search(synthetic, folder, CONFIG, wanted, cache=feature_cache, jobs=1)
    killed = optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}").get_trials()[
        2
    ]
    if power_cut:
        with sqlite3.connect(folder / "study.db") as database:
            database.execute("UPDATE trials SET state = 'RUNNING' WHERE number = 2")
        database.close()
    assert len(ended(folder, wanted)) == 2
    trials = search(synthetic, folder, CONFIG, wanted, resume=True, cache=feature_cache, jobs=1)
    assert points(trials) == [(0.001, 0.1), (0.001, 0.3), (0.01, 0.1), (0.01, 0.3)]
    assert len(calls) == 5
    assert killed.params in [trial.params for trial in trials]


def test_side_by_side_tries_the_same_points(synthetic, tmp_path, feature_cache):
    trials = search(synthetic, tmp_path / "s", CONFIG, SearchPlan(SPACE), cache=feature_cache, jobs=2)
    assert points(trials) == [(0.001, 0.1), (0.001, 0.3), (0.01, 0.1), (0.01, 0.3)]


def test_ranges_are_searched_and_more_trials_may_follow(synthetic, tmp_path, feature_cache):
    space = SearchSpace(
        {
            "training.learning_rate": Range(low=1e-4, high=1e-2, log=True),
            "model.d_model": Range(low=16, high=32, step=8, whole=True),
        }
    )
    three = search(
        synthetic, tmp_path / "s", CONFIG, SearchPlan(space, "tpe", 3), cache=feature_cache, jobs=1
    )
    four = search(
        synthetic,
        tmp_path / "s",
        CONFIG,
        SearchPlan(space, "tpe", 4),
        resume=True,
        cache=feature_cache,
        jobs=1,
    )
    assert [trial.params for trial in four[:3]] == [trial.params for trial in three]
    assert len({trial.params["training.learning_rate"] for trial in four}) == 4, "no point is drawn again"
    fewer = SearchPlan(space, "tpe", 2)
    assert (
        len(search(synthetic, tmp_path / "s", CONFIG, fewer, resume=True, cache=feature_cache, jobs=1)) == 4
    )
    for trial in four:
        assert 1e-4 <= trial.params["training.learning_rate"] <= 1e-2
        assert trial.params["model.d_model"] in (16, 24, 32)


def test_trials_side_by_side_draw_different_points(synthetic, tmp_path, feature_cache):
    space = SearchSpace({"training.learning_rate": Range(low=1e-4, high=1e-2, log=True)})
    wanted = SearchPlan(space, "tpe", 4)
    trials = search(synthetic, tmp_path / "s", CONFIG, wanted, cache=feature_cache, jobs=2)
    assert len({trial.params["training.learning_rate"] for trial in trials}) == 4


def test_what_cannot_be_trained_is_given_up_with_the_reason(synthetic, tmp_path, feature_cache):
    space = SearchSpace({"model.num_heads": (2, 3)})
    seen = []
    trials = search(
        synthetic,
        tmp_path / "s",
        CONFIG,
        SearchPlan(space),
        cache=feature_cache,
        jobs=1,
        on_trial=seen.append,
    )
    assert [trial.number for trial in seen] == [0, 1]
    refused = next(trial for trial in trials if trial.params["model.num_heads"] == 3)
    assert refused.state == TrialState.PRUNED
    assert "d_model 16 must be a multiple of num_heads 3" in refused.user_attrs["why"]
    assert best(trials).params == {"model.num_heads": 2}
    text = search_report.report(synthetic, CONFIG, SearchPlan(space), trials).markdown()
    assert "must be a multiple of num_heads 3" in text
    assert "1 with a score, 1 given up" in text


def test_a_trial_behind_the_median_is_given_up(synthetic, tmp_path, feature_cache, monkeypatch):
    monkeypatch.setattr(searching, "WARM_UP", 1)
    space = SearchSpace({"training.learning_rate": (0.01, 1e-9), "training.label_smoothing": (0.0, 0.1)})
    config = CONFIG.model_copy(
        update={"training": CONFIG.training.model_copy(update={"epochs": 4, "patience": 4})}
    )
    trials = search(
        synthetic, tmp_path / "s", config, SearchPlan(space, prune=True), cache=feature_cache, jobs=1
    )
    given_up = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert given_up
    assert {trial.params["training.learning_rate"] for trial in given_up} == {1e-9}
    assert "behind the median at epoch" in given_up[0].user_attrs["why"]


def test_keys_that_clash_are_given_up_and_the_rest_goes_on(synthetic, tmp_path, feature_cache):
    space = SearchSpace({"model.d_model": (15, 16)})
    trials = search(synthetic, tmp_path / "s", CONFIG, SearchPlan(space), cache=feature_cache, jobs=1)
    ends = {trial.params["model.d_model"]: trial for trial in trials}
    assert {width: trial.state for width, trial in ends.items()} == {
        15: TrialState.PRUNED,
        16: TrialState.COMPLETE,
    }
    assert "15" in ends[15].user_attrs["why"]


def test_no_test_utterance_is_even_extracted(synthetic, tmp_path):
    wanted = SearchPlan(SPACE)
    parts = development_parts(synthetic, CONFIG, wanted, tmp_path, Announce())
    split = plan(synthetic, CONFIG, [0], 0)[0].split
    assert not {u.id for u in (*parts.train, *parts.validation)} & {u.id for u in split.test}
    from magtfnet.experiments.scoring import recording_of

    for utterance in split.test:
        with pytest.raises(KeyError):
            parts.store.length(recording_of(utterance))
    assert not hasattr(parts, "test")


@pytest.mark.parametrize(
    "space", [{"model.dropuot": (0.1, 0.2)}, {"model.d_model": ("a", "b")}, {"training.batch_size": (0, -1)}]
)
def test_a_space_that_makes_no_model_is_refused_before_any_trial(synthetic, tmp_path, space):
    with pytest.raises(ConfigError, match=next(iter(space)).split(".")[1]):
        search(synthetic, tmp_path / "out", CONFIG, SearchPlan(SearchSpace(space)))
    assert not (tmp_path / "out").exists()


def test_a_space_with_some_impossible_points_is_not_refused():
    SearchSpace({"model.d_model": (15, 16), "model.num_heads": (4, 2)}).refuse_impossible(CONFIG, 3)


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41"])
def test_a_study_lies_in_its_folder_whatever_that_is_called(synthetic, tmp_path, feature_cache, name):
    """An address of a database would end at a question mark, and read a percent sign as an escape."""
    point = SearchPlan(SearchSpace({"model.dropout": (0.1,)}))
    trials = search(synthetic, tmp_path / name, CONFIG, point, cache=feature_cache, jobs=1)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "study.db").stat().st_size > 0


def test_a_damaged_study_is_told_in_a_line(grid, synthetic, tmp_path, feature_cache):
    _, folder = grid
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "study.db").write_bytes(b"no database" * 1000)
    with pytest.raises(RunDirectoryError, match=r"copy: study\.db is damaged or .* \(.*\); check the disk"):
        search(synthetic, tmp_path / "copy", CONFIG, SearchPlan(SPACE), resume=True, cache=feature_cache)


def test_a_study_that_is_damaged_within_is_told_in_a_line(grid, synthetic, tmp_path, feature_cache):
    _, folder = grid
    shutil.copytree(folder, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "study.db") as database:
        database.execute("ALTER TABLE trials RENAME COLUMN state TO lost")
    database.close()
    with pytest.raises(
        RunDirectoryError, match=r"copy: study\.db is damaged or .*; check the disk, or choose"
    ):
        search(synthetic, tmp_path / "copy", CONFIG, SearchPlan(SPACE), resume=True, cache=feature_cache)


def test_work_of_another_kind_is_not_gone_on_with(trained, synthetic, feature_cache):
    with pytest.raises(RunDirectoryError, match="holds work of another kind; choose another folder"):
        search(synthetic, trained.folder, CONFIG, SearchPlan(SPACE), resume=True, cache=feature_cache)


def test_only_one_search_works_in_a_folder(grid, synthetic, feature_cache):
    _, folder = grid
    with (
        filelock.FileLock(folder / ".lock"),
        pytest.raises(RunDirectoryError, match="another process is at work there; wait for its end"),
    ):
        search(synthetic, folder, CONFIG, SearchPlan(SPACE), resume=True, cache=feature_cache)


def test_other_settings_are_not_mixed(grid, synthetic, feature_cache, tmp_path):
    _, folder = grid
    write_corpus(
        tmp_path / "other", speakers=4, sentences=4, emotions=("anger", "neutral", "sadness"), takes=1, seed=9
    )
    other = load_corpus("synthetic", tmp_path / "other")
    with pytest.raises(RunDirectoryError, match="began with development_parts"):
        search(other, folder, CONFIG, SearchPlan(SPACE), resume=True, cache=feature_cache)
    with pytest.raises(ConfigError, match="'functionals_gbm' chooses its own settings on validation data"):
        search(
            synthetic, tmp_path / "n", load_config(None, ["model.name=functionals_gbm"]), SearchPlan(SPACE)
        )
    other = SearchSpace({"model.dropout": (0.1, 0.2)})
    with pytest.raises(RunDirectoryError, match="began with search"):
        search(synthetic, folder, CONFIG, SearchPlan(other), resume=True, cache=feature_cache)
    with pytest.raises(RunDirectoryError, match="is there already; go on with --resume"):
        search(synthetic, folder, CONFIG, SearchPlan(SPACE), cache=feature_cache)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SearchSpace({"model.dropout": Range(low=0, high=0.5)}),), "a grid needs a list of choices"),
        ((SPACE, "grid", 3), "a grid tries all its 4 points; leave --trials away"),
        ((SPACE, "tpe"), "say how many trials with --trials"),
    ],
)
def test_plans_that_make_no_sense(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SearchPlan(*arguments)


def test_a_space_is_read(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text(
        '[space]\n"training.batch_size" = [8, 16]\n"model.dropout" = { low = 0.0, high = 0.5 }\n'
        '"model.d_model" = { low = 64, high = 128, step = 64 }\n'
    )
    space = read_space(file, CONFIG)
    assert space.keys["training.batch_size"] == (8, 16)
    assert space.keys["model.dropout"] == Range(low=0.0, high=0.5)
    assert space.keys["model.d_model"].whole
    assert not space.is_grid


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"expected one section \[space\]"),
        ("[space]", r"expected one section \[space\]"),
        ("[space", "not TOML"),
        ('[space]\n"training.batchsize" = [8]', "unknown configuration key 'training.batchsize'"),
        (
            '[space]\n"features.log_mel.n_mels" = [40, 64]',
            "cannot be searched, expected keys of training and model",
        ),
        ('[space]\n"model.name" = ["tim_net", "magtf_net"]', "'model.name' cannot be searched"),
        ('[space]\n"training.batch_size" = [1]', "training.batch_size = 1"),
        ('[space]\n"training.batch_size" = []', "neither a list of different values nor"),
        ('[space]\n"training.batch_size" = [8, 8]', "neither a list of different values nor"),
        ('[space]\n"training.batch_size" = 8', "neither a list of different values nor"),
        ('[space]\n"model.dropout" = { low = 0.5, high = 0.1 }', "low 0.5 must be below high 0.1"),
        (
            '[space]\n"model.dropout" = { low = 0.0, high = 0.1, log = true }',
            "a logarithmic range starts above 0",
        ),
        (
            '[space]\n"model.dropout" = { low = 0.0, high = 0.1, hi = 1 }',
            "space.toml: 'model.dropout': unknown configuration key 'hi'",
        ),
        ('[space]\n"training.label_smoothing" = { low = 0.0, high = 1.5 }', "label_smoothing = 1.5"),
    ],
)
def test_spaces_that_cannot_be_searched(tmp_path, text, message):
    file = tmp_path / "space.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_space(file, CONFIG)
    with pytest.raises(ConfigError, match="name the TOML file of the space"):
        read_space(tmp_path / "nowhere.toml", CONFIG)


def test_the_file_of_the_best_point_is_toml(grid):
    _, folder = grid
    assert tomllib.loads((folder / "config.toml").read_text())["training"]["epochs"] == 2
