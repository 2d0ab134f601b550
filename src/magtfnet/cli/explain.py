"""``magtfnet explain``: why each recording gets the emotion it gets, or what matters over a corpus."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from magtfnet.cli.options import AllowIncomplete, AsJson, Cache, Labels, Only, refuse_given
from magtfnet.cli.terminal import progress_bar, say, show, show_json
from magtfnet.errors import AudioError, ExplainError, StorageError

if TYPE_CHECKING:
    from magtfnet.corpora import Corpus
    from magtfnet.explain import Explanation
    from magtfnet.recognizer import EmotionRecognizer


class Method(StrEnum):
    """What ``--method`` may be."""

    SHAPLEY = "shapley"
    INTEGRATED_GRADIENTS = "integrated_gradients"
    OCCLUSION = "occlusion"


def explain(
    bundle: Annotated[
        Path,
        typer.Argument(help="A bundle; with --corpus also a run directory with several, which are compared."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of the pages.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings: WAV, FLAC, OGG, MP3, AIFF; a page each.")
    ] = None,
    corpus: Annotated[
        tuple[str, Path] | None,
        typer.Option(metavar="NAME ROOT", help="Explain a corpus instead: what matters, emotion by emotion."),
    ] = None,
    per_emotion: Annotated[
        int | None,
        typer.Option(min=1, help="With --corpus: recordings explained of each emotion; 5 if not given."),
    ] = None,
    emotion: Annotated[
        str | None, typer.Option(help="With recordings: the emotion explained, without it the one predicted.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="With recordings: measure whether the explanation is true.")
    ] = False,
    method: Annotated[
        Method | None,
        typer.Option(
            help="How players are weighed: shapley, with --corpus integrated_gradients, if not given."
        ),
    ] = None,
    labels: Labels = None,
    only: Only = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
    cache: Cache = None,
) -> None:
    """Write pages: where in time and frequency, and in which descriptors, an emotion is heard.

    A bad recording is reported and the rest still done. Exit code 0 where all were done, 1 where some could not be.
    """
    if out.exists() and not out.is_dir():
        raise ExplainError(f"{out}: a file where a folder was expected; choose another --out")
    if (corpus is None) == (not files):
        found = "both" if files else "neither"
        raise ExplainError(f"recordings or --corpus NAME ROOT, found {found}; give one of them")
    if corpus is not None and (emotion is not None or check):
        raise ExplainError("--emotion and --check are of single recordings; leave them away with --corpus")
    if corpus is None:
        of_a_corpus = {
            "--per-emotion": per_emotion,
            "--labels": labels,
            "--only": only,
            "--allow-incomplete": allow_incomplete or None,
            "--cache": cache,
        }
        refuse_given("a corpus", of_a_corpus)
        _explain_files(
            bundle, files or [], out, emotion, method or Method.SHAPLEY, check=check, as_json=as_json
        )
        return
    name, root = corpus
    page = out / f"{name}.html"
    _refuse_there([page])
    from magtfnet.corpora import load_corpus

    copy = load_corpus(name, root, mapping=labels, part=only, allow_incomplete=allow_incomplete)
    _explain_corpus(
        bundle, copy, page, per_emotion or 5, method or Method.INTEGRATED_GRADIENTS, cache, as_json
    )


def _explain_files(
    bundle: Path,
    files: list[Path],
    out: Path,
    emotion: str | None,
    method: Method,
    *,
    check: bool,
    as_json: bool,
) -> None:
    pages = _pages(files, out)
    _refuse_there(pages)
    from magtfnet.explain.page import explanation_page
    from magtfnet.explain.words import in_words
    from magtfnet.recognizer import EmotionRecognizer
    from magtfnet.writing import write_whole

    recognizer = EmotionRecognizer.load(bundle)
    if emotion is not None and emotion not in recognizer.labels.classes:
        raise ExplainError(
            f"unknown emotion '{emotion}', expected one of {', '.join(recognizer.labels.classes)}"
        )
    _ = recognizer.bundle  # a model that cannot be explained is no recording's fault
    out.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    failed = 0
    with progress_bar() as progress:
        for number, (file, page) in enumerate(zip(files, pages, strict=True), start=1):
            try:
                explanation = recognizer.explain(file, label=emotion, method=method.value)
            except (AudioError, ExplainError, StorageError) as error:
                failed += 1
                message = str(error) if str(file) in str(error) else f"{file}: {error}"
                say(f"magtfnet: {' '.join(message.split())}")
                results.append({"file": str(file), "error": message})
                progress("recordings", number, len(files))
                continue
            truth = _checked(recognizer, explanation) if check else {}
            words = [*in_words(explanation), *truth.pop("words", [])]
            write_whole(page, explanation_page(f"{file.name}: {explanation.label}", explanation, words))
            results.append({"file": str(file), "page": str(page), **explanation.to_dict(), **truth})
            if not as_json:
                show(f"{page}: {' '.join(words)}")
            progress("recordings", number, len(files))
    if as_json:
        show_json(results)
    if failed:
        say(f"magtfnet: {failed} of {len(files)} recordings could not be explained")
        raise typer.Exit(1)


def _checked(recognizer: "EmotionRecognizer", explanation: "Explanation") -> dict[str, Any]:
    """Return the measures of an explanation's truth, and sentences that say them."""
    from magtfnet.explain.faithfulness import curves, randomised_correlation

    game, values = explanation.game(recognizer.bundle.model), explanation.attribution.values
    measured = curves(game, values)
    correlation = randomised_correlation(game, values, explanation.attribution.method)
    sentence = (
        f"Taking away first what speaks for it most lowers the logit by {measured.deletion_gain:+.2f} more, in the "
        f"mean, than random orders; adding it first raises it by {measured.insertion_gain:+.2f} more. With the weights "
        f"shuffled the explanation's rank correlation with this one is {correlation:.2f} "
        "(near 1 it would show the recording, not the model)."
    )
    return {
        "deletion_gain": measured.deletion_gain,
        "insertion_gain": measured.insertion_gain,
        "randomised_correlation": correlation,
        "words": [sentence],
    }


def _explain_corpus(
    path: Path,
    corpus: "Corpus",
    page: Path,
    per_emotion: int,
    method: Method,
    cache: Path | None,
    as_json: bool,
) -> None:
    from magtfnet.experiments.explaining import explain_corpus, find_bundles
    from magtfnet.explain.corpus_page import agreement_notes, corpus_page
    from magtfnet.recognizer import EmotionRecognizer
    from magtfnet.writing import write_whole

    recognizers = [EmotionRecognizer.load(folder) for folder in find_bundles(path).values()]
    with progress_bar() as progress:
        found = explain_corpus(
            recognizers, corpus, per_emotion=per_emotion, method=method.value, cache=cache, progress=progress
        )
    what = (
        f"At most {per_emotion} recordings of each emotion of {corpus.info.title} (drawn by lot, seed 0), "
        f"{len(recognizers)} model{'s' * (len(recognizers) > 1)}, {method.value.replace('_', ' ')}. "
        "± is the standard deviation over models. Models may have been trained on recordings explained here."
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_whole(
        page,
        corpus_page(
            f"What matters to the model on {corpus.name}",
            what,
            found.profiles,
            found.vectors,
            found.groups,
            found.shares,
        ),
    )
    if as_json:
        show_json(found.to_dict())
        return
    for kind in ("bands", "descriptors"):
        for note in agreement_notes({name: parts[kind] for name, parts in found.profiles.items()}):
            show(f"{kind}: {note}")
    for name, shares in found.shares.items():
        show(f"fused vectors: {100 * sum(shares) / len(shares):.1f} % of their variance by {name}")
    show(f"page: {page}")


def _refuse_there(pages: list[Path]) -> None:
    for page in pages:
        if page.exists():
            raise ExplainError(f"{page}: is there already; remove it or choose another --out")


def _pages(files: list[Path], out: Path) -> list[Path]:
    """Return a page for each file; files of one name get numbers, whatever their case: some file systems know none."""
    pages: list[Path] = []
    taken: set[str] = set()
    for file in files:
        page, number = out / f"{file.stem}.html", 1
        while str(page).casefold() in taken:
            number += 1
            page = out / f"{file.stem}_{number}.html"
        taken.add(str(page).casefold())
        pages.append(page)
    return pages
