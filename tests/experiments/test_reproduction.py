"""The paper's tables: what is planned, trained once and gone on with, and what the report says of it."""

import json
import re
from dataclasses import replace

import pytest
from tiny_model import TINY

from magtfnet import (
    BundleError,
    ConfigError,
    DivergenceError,
    RunDirectoryError,
    SplitError,
    list_models,
    load_config,
    load_corpus,
)
from magtfnet.classical import CLASSICAL
from magtfnet.corpora.synthetic import write_corpus
from magtfnet.evaluation import EvaluationReport
from magtfnet.evaluation.document import Document, Section, markdown_table
from magtfnet.evaluation.paired import Estimate
from magtfnet.experiments import trainings
from magtfnet.experiments.paper_tables import CLAIMS, CLASS_SCORES, FULL, TABLES, Claim
from magtfnet.experiments.reproduction import (
    PAPERS_PROTOCOL,
    PUBLISHED_FOLDS,
    SPEAKERS_APART,
    Request,
    Study,
    in_best_order,
    plan_studies,
    refuse_what_tables_set,
    reproduce,
)
from magtfnet.experiments.reproduction_files import write
from magtfnet.experiments.reproduction_report import report, verdict
from magtfnet.experiments.training_run import train_network

CONFIG = load_config(None, [*TINY, "training.epochs=2", "training.batch_size=8"])


@pytest.fixture(scope="module")
def emodb(tmp_path_factory):
    """A small corpus in EMO-DB's layout."""
    root = tmp_path_factory.mktemp("emodb")
    write_corpus(root, "emodb", speakers=4, sentences=4, emotions=("anger", "neutral", "sadness"), takes=1)
    return load_corpus("emodb", root, allow_incomplete=True)


@pytest.fixture(scope="module")
def folds(emodb, tmp_path_factory):
    file = tmp_path_factory.mktemp("folds") / "folds.csv"
    speakers = {name: number % 2 for number, name in enumerate(emodb.speakers())}
    file.write_text("id,fold\n" + "".join(f"{u.id},{speakers[u.speaker]}\n" for u in emodb))
    return file


def test_every_row_is_a_registered_model_and_has_the_papers_figures():
    models = {row.model for table in TABLES.values() for row in table.rows}
    assert models <= {*list_models(), *CLASSICAL}
    assert {model for claim in CLAIMS for model in (claim.better, claim.worse)} <= models
    assert [row.paper for row in TABLES[2].rows[::2]] == [
        (68.52, 63.71), (70.37, 70.62), (75.93, 76.56), (77.78, 74.71), (83.33, 79.11),
    ]  # fmt: skip
    assert TABLES[6].rows[1].model == "magtf_net_kernels_5"
    assert TABLES[6].rows[1].paper == (79.63, 80.58)
    assert TABLES[6].rows[-1].model == FULL
    for known in CLASS_SCORES:  # F1 is the harmonic mean of the other two, to the paper's digits
        for precision, recall, f1 in known.classes.values():
            assert f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=0.02)


def test_what_is_planned(emodb, folds):
    request = Request({"emodb": emodb}, (2, 5), seeds=3, folds={"emodb": folds})
    studies, refused = plan_studies(request, CONFIG)
    runs = {study.study: len(study.runs) for study in studies}
    assert refused == {}
    assert runs[Study("emodb", PAPERS_PROTOCOL, "cnn_blstm_without_lld")] == 3
    assert runs[Study("emodb", SPEAKERS_APART, "magtf_net_frames")] == 4
    assert [study.model for study in runs if study.protocol == PUBLISHED_FOLDS] == [FULL]
    assert len([study for study in runs if study.protocol == PAPERS_PROTOCOL]) == 13
    order = [(study.study, run.seed) for study, run in in_best_order(studies)]
    assert {seed for _, seed in order[:13]} == {0}, "a first run of every model before any second"
    assert order[0] == (Study("emodb", PAPERS_PROTOCOL, FULL), 0)
    assert studies[0].config.model.name == FULL
    assert studies[0].config.model.overrides["d_model"] == 16


def test_folds_that_were_asked_for_and_do_not_fit_end_it_before_anything_is_trained(emodb, tmp_path):
    (tmp_path / "folds.csv").write_text("id,fold\nnobody,1\n")
    with pytest.raises(SplitError, match="utterance 'nobody' is not in emodb"):
        plan_studies(Request({"emodb": emodb}, (3,), folds={"emodb": tmp_path / "folds.csv"}), CONFIG)


def test_a_corpus_that_satisfies_no_protocol_is_refused(tmp_path):
    write_corpus(tmp_path, "emodb", speakers=1, sentences=1, takes=1, emotions=("anger", "neutral"))
    lone = load_corpus("emodb", tmp_path, allow_incomplete=True)
    with pytest.raises(SplitError, match=r"8_1_1 on emodb: .*; speaker_independent_k_fold on emodb: "):
        plan_studies(Request({"emodb": lone}, (3,)), CONFIG)


def test_settings_of_the_protocol_are_the_tables_own():
    for override in ("protocol.stratified=false", "protocol.folds=3"):
        config = load_config(None, ["protocol.name=speaker_dependent_8_1_1", override])
        with pytest.raises(ConfigError, match=r"protocol\.\* is set by the command"):
            refuse_what_tables_set(config)
    refuse_what_tables_set(load_config(None, ["protocol.name=speaker_dependent_8_1_1"]))


def test_wishes_that_cannot_be_met_are_refused(emodb):
    with pytest.raises(ConfigError, match="table 7 cannot be reproduced, expected some of 1, 2, 3, 4, 5, 6"):
        Request({"emodb": emodb}, (2, 7))
    with pytest.raises(ConfigError, match=r"folds of 'casia' without its corpus; give --corpus casia=ROOT"):
        Request({"emodb": emodb}, folds={"casia": "x"})


@pytest.fixture(scope="module")
def done(emodb, folds, tmp_path_factory, feature_cache):
    """Table 5 with two seeds, and published folds."""
    out = tmp_path_factory.mktemp("reproduction") / "out"
    request = Request({"emodb": emodb}, (3, 5, 1), 2, {"emodb": folds}, speakers_apart=False)
    return reproduce(request, out, CONFIG, cache=feature_cache, jobs=1), out


def test_runs_are_ordinary_run_directories_and_predictions_tell_all(done):
    result, out = done
    run = out / "emodb" / PAPERS_PROTOCOL / "magtf_net_without_lld" / "fold_00_seed_1"
    assert (run / "metrics.json").exists()
    assert (run / "bundle").is_dir()
    page = write(result, out, "magtfnet reproduce")
    assert page.name == "report.html"
    for study, together in result.reports.items():
        again = EvaluationReport.from_predictions(out / study.folder / "predictions.csv")
        assert again.to_dict() == together.pooled.to_dict()
        assert (
            json.loads((out / study.folder / "scores.json").read_text())["WA"]
            == together.weighted_accuracy.to_dict()
        )


def test_going_on_trains_what_is_missing_and_nothing_else(done, emodb, folds, feature_cache, monkeypatch):
    _, out = done
    trained = []
    original = trainings.do_all

    def watched(planned, workers, announce):
        trained.extend(t for t in planned if not (t.folder / "metrics.json").exists())
        return original(planned, workers, announce)

    monkeypatch.setattr(trainings, "do_all", watched)
    request = Request({"emodb": emodb}, (3, 5, 1), 2, {"emodb": folds}, speakers_apart=False)
    again = reproduce(request, out, CONFIG, resume=True, cache=feature_cache, jobs=1)
    assert trained == []
    assert len(again.reports) == 6
    fewer = Request({"emodb": emodb}, (3,), 2, speakers_apart=False)
    with pytest.raises(
        RunDirectoryError, match=r"has 10 finished runs that were not asked for, emodb/.* among them"
    ):
        reproduce(fewer, out, CONFIG, resume=True, cache=feature_cache, jobs=1)
    more = Request({"emodb": emodb}, (3, 5, 1), 3, {"emodb": folds}, speakers_apart=False)
    assert len(reproduce(more, out, CONFIG, resume=True, cache=feature_cache, jobs=1).reports) == 6
    assert [training.run.seed for training in trained] == [2] * 5


def test_the_report_has_the_papers_figures_beside_ours(done):
    result, _ = done
    document = report(result, "magtfnet reproduce --corpus emodb=ROOT")
    text = document.markdown()
    full = result.reports[Study("emodb", PAPERS_PROTOCOL, FULL)]
    row = next(line for line in text.splitlines() if line.startswith("| full |"))
    assert "| 83.33 | 79.11 | 2 |" in row
    assert (
        f"| {100 * full.weighted_accuracy.mean:.2f} ± {100 * full.weighted_accuracy.deviation:.2f} |" in row
    )
    without = next(line for line in text.splitlines() if line.startswith("| - LLD |"))
    ours = result.reports[Study("emodb", PAPERS_PROTOCOL, "magtf_net_without_lld")]
    assert f"{100 * (ours.pooled.weighted_accuracy - full.pooled.weighted_accuracy):+.2f}" in without
    assert "| anger | 85.71 | 92.31 | 88.89 |" in text
    assert "Table 1 on iemocap: the corpus is not there; --corpus iemocap=ROOT adds it" in text
    assert "The LLD branch helps (paper: +18.53 points)" in text
    page = document.html()
    assert page.count("<svg") == 2, "a confusion matrix a protocol"
    assert "magtfnet reproduce --corpus emodb=ROOT" in page
    assert not re.search(r'(src|href)="http', page), "needs nothing beside it"


def test_a_rehearsal_cannot_be_taken_for_a_result(emodb, tmp_path, feature_cache):
    request = Request({"emodb": emodb}, (5,), quick=True)
    result = reproduce(request, tmp_path / "out", CONFIG, cache=feature_cache, jobs=1)
    assert {len(together.runs) for together in result.reports.values()} == {1}
    page = write(result, tmp_path / "out", "magtfnet reproduce --quick")
    text = page.with_suffix(".md").read_text()
    assert page.name == "rehearsal.html"
    assert "these figures are not results" in text
    assert "must not be quoted" in page.read_text()
    assert "claims hold" not in text
    with pytest.raises(Exception, match="began with kind = 'rehearsal', now 'reproduction'"):
        reproduce(
            Request({"emodb": emodb}, (5,), 1),
            tmp_path / "out",
            result.config,
            resume=True,
            cache=feature_cache,
        )


@pytest.fixture
def small_table_4(monkeypatch):
    """Three systems of Table 4."""
    rows = [row for row in TABLES[4].rows if row.model in ("cnn_channel_attention", "dnn_elm", FULL)]
    monkeypatch.setitem(TABLES, 4, replace(TABLES[4], rows=tuple(rows)))
    return rows


def test_table_4_is_compared_by_cost_too(emodb, folds, tmp_path, feature_cache, small_table_4):
    out = tmp_path / "out"
    request = Request({"emodb": emodb}, (4,), 1, {"emodb": folds})
    result = reproduce(request, out, CONFIG, cache=feature_cache, jobs=1)
    write(result, out, "magtfnet reproduce --tables 4")
    for protocol in (PAPERS_PROTOCOL, SPEAKERS_APART):
        text = (out / "emodb" / protocol / "compare.md").read_text()
        assert "CPU ms for a second of speech" in text
        assert "Wav2Vec2.0 [53]: needs weights" in text
        for row in small_table_4:
            report = result.reports[Study("emodb", protocol, row.model)]
            line = next(line for line in text.splitlines() if line.startswith(f"| {row.model} |"))
            accuracy, milliseconds = line.split("|")[2], line.split("|")[-2]
            assert accuracy.split()[0] == f"{100 * report.weighted_accuracy.mean:.2f}"
            assert float(milliseconds) > 0
        assert "<svg" in (out / "emodb" / protocol / "compare.html").read_text()
    assert not (out / "emodb" / PUBLISHED_FOLDS / "compare.html").exists(), "one system is no comparison"


def test_a_rehearsal_of_table_4_says_so(emodb, tmp_path, feature_cache, small_table_4):
    out = tmp_path / "out"
    request = Request({"emodb": emodb}, (4,), 1, speakers_apart=False, quick=True)
    result = reproduce(request, out, CONFIG, cache=feature_cache, jobs=1)
    write(result, out, "magtfnet reproduce --tables 4 --quick")
    assert "must not be quoted" in (out / "emodb" / PAPERS_PROTOCOL / "rehearsal.html").read_text()
    assert not list(out.rglob("compare.html"))
    (out / "emodb" / PAPERS_PROTOCOL / FULL / "fold_00_seed_0" / "bundle" / "weights.safetensors").unlink()
    (out / "rehearsal.html").unlink()
    again = reproduce(request, out, CONFIG, cache=feature_cache, jobs=1, resume=True)
    with pytest.raises(BundleError):
        write(again, out, "magtfnet reproduce --tables 4 --quick")
    assert (out / "rehearsal.html").exists(), "predictions alone suffice for the tables"


def test_a_system_that_diverges_leaves_the_others_their_tables(
    emodb, tmp_path, feature_cache, small_table_4, monkeypatch
):
    def diverging(corpus, split, folder, config, **rest):
        if config.model.name == "cnn_channel_attention":
            raise DivergenceError("the loss became nan in epoch 1")
        return train_network(corpus, split, folder, config, **rest)

    monkeypatch.setattr(trainings, "train_network", diverging)
    out = tmp_path / "out"
    request = Request({"emodb": emodb}, (4,), 1, speakers_apart=False)
    result = reproduce(request, out, CONFIG, cache=feature_cache, jobs=1)
    assert {study.model for study in result.reports} == {FULL, "dnn_elm"}
    found = "cnn_channel_attention, fold_00_seed_0: the loss became nan in epoch 1"
    assert result.diverged == {"cnn_channel_attention": found}
    page = write(result, out, "magtfnet reproduce --tables 4")
    for file in (page, out / "emodb" / PAPERS_PROTOCOL / "compare.html"):
        assert found in file.with_suffix(".md").read_text()


def test_other_tables_measure_no_costs(done):
    result, out = done
    write(result, out, "magtfnet reproduce")
    assert not list(out.rglob("compare.html"))


def test_a_protocol_that_a_corpus_cannot_satisfy_is_told(tmp_path, feature_cache):
    root = tmp_path / "two"
    write_corpus(root, "emodb", speakers=2, sentences=6, emotions=("anger", "neutral"), takes=1)
    corpus = load_corpus("emodb", root, allow_incomplete=True)
    result = reproduce(
        Request({"emodb": corpus}, (3,), 1), tmp_path / "out", CONFIG, cache=feature_cache, jobs=1
    )
    assert list(result.reports) == [Study("emodb", PAPERS_PROTOCOL, FULL)]
    assert "speaker_independent_k_fold on emodb" in report(result, "").markdown()


@pytest.mark.parametrize(
    ("value", "p", "words"),
    [
        (0.1, 0.01, "holds here, +10.00 points"),
        (-0.1, 0.01, "does not hold here: the opposite was found, -10.00 points"),
        (0.1, 0.2, "cannot be told here, +10.00 points (95 % interval 1.00 to 2.00, p = 0.200)"),
    ],
)
def test_verdicts(value, p, words):
    claim = Claim("A beats B", "a", "b", ())
    assert verdict(
        claim, 5.0, Estimate(value, (0.01, 0.02), p), p
    ) == f"A beats B (paper: +5.00 points): {words}" + (
        "." if "(" in words else f" (95 % interval 1.00 to 2.00, p = {p:.3f})."
    )


def test_claims_are_of_the_corpus_at_hand():
    by_text = {claim.text: claim for claim in CLAIMS}
    slices = by_text["Whole utterances beat slices of one length"]
    assert (slices.paper("emodb"), slices.paper("iemocap"), slices.paper("casia")) == (1.85, 9.15, None)
    together = by_text["MAG encoder and Transformer together beat MAG-BLSTM"]
    assert (together.paper("emodb"), together.paper("iemocap")) == (7.4, -0.68)
    assert by_text["The LLD branch helps"].paper("emodb") == 18.53
    assert by_text["The LLD branch helps"].paper("iemocap") is None
    told = verdict(slices, None, Estimate(0.1, (0.01, 0.2), 0.01), 0.01)
    assert "the paper has no figure for this corpus" in told


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.lld_input=frames", "model.lld_input is set by the tables' rows"),
        ("model.name=tim_net", "model.name is set by the tables' rows"),
        ("protocol.folds=3", r"protocol.\* is set by the command"),
        ("model.num_heads=3", "must be a multiple of num_heads 3"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_trained(
    emodb, tmp_path, feature_cache, override, message
):
    config = load_config(None, [*TINY, override])
    with pytest.raises(ConfigError, match=message):
        reproduce(Request({"emodb": emodb}, (5,), 1), tmp_path / "out", config, cache=feature_cache)
    assert not (tmp_path / "out").exists()


def test_documents_read_the_same_in_both_forms():
    document = Document(
        "T",
        [Section("H <b>", 2, ["text"], ["one"], ("a", "b|c"), [("1", "2")])],
        ["mind"],
        "run it",
        {"k": "v"},
    )
    assert document.markdown() == (
        "# T\n\n**mind**\n\n```sh\nrun it\n```\n\n- k: v\n\n## H <b>\n\ntext\n\n- one\n\n"
        "| a | b\\|c |\n| --- | --- |\n| 1 | 2 |\n"
    )
    page = document.html()
    for part in (
        "<h1>T</h1>",
        "mind",
        "run it",
        "<dt>k</dt><dd>v</dd>",
        "H &lt;b&gt;",
        "<li>one</li>",
        "<td>2</td>",
    ):
        assert part in page
    assert markdown_table(("x",), []) == "| x |\n| --- |"
