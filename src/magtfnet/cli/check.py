"""``magtfnet check CORPUS ROOT``: is this copy the original, and is anything in it broken?"""

from typing import Any

import typer

from magtfnet.cli.options import AsJson, CorpusName, CorpusRoot, Labels, Only
from magtfnet.cli.terminal import progress_bar, show, show_json


def check(
    corpus: CorpusName,
    root: CorpusRoot,
    labels: Labels = None,
    only: Only = None,
    as_json: AsJson = False,
) -> None:
    """Audit a copy of a corpus: counts, rates, durations, balance, duplicates, silence, clipping.

    Exit code 0 where it is the original and usable, 1 where it is not.
    """
    from magtfnet.corpora import load_corpus
    from magtfnet.corpora.audit import audit

    copy = load_corpus(corpus, root, mapping=labels, part=only, allow_incomplete=True, leave_out_foreign=True)
    with progress_bar() as progress:
        result = audit(copy, progress)
    values = result.to_dict()
    if as_json:
        show_json(values)
    else:
        _print(values, published=bool(copy.info.classes))
    raise typer.Exit(0 if result.is_original and result.usable else 1)


def _print(values: dict[str, Any], *, published: bool) -> None:
    seconds = values["seconds"]
    official = values["official_utterances"]
    rows = [
        ("utterances", str(values["utterances"]) + (f" (official {official})" if official else "")),
        (
            "duration",
            f"{seconds['total']:.2f} s in all, {seconds['shortest']:.2f} to {seconds['longest']:.2f} s",
        ),
        ("sample rate", _counts(values["sample_rates"], " Hz")),
        ("channels", _counts(values["channels"])),
        ("container", _counts(values["containers"])),
        ("emotions", _counts(values["classes"])),
        ("speakers", f"{values['speakers']} ({_counts(values['speaker_counts'])})"),
        ("sex", _counts(values["sex_counts"])),
    ]
    part = f", {values['part']}," if values["part"] else ""
    show(f"{values['corpus']}{part} at {values['root']}")
    for name, found in rows:
        show(f"  {name:<12} {found}")
    for finding in values["findings"]:
        show(f"! {finding['message']}")
    if not values["usable"]:
        show("This copy has recordings that cannot be used.")
    if not published:
        show("Nothing is known of an original; the findings above are all there is to say.")
    elif values["is_original"]:
        show("This copy agrees with the original in all that was compared.")
    else:
        show("This copy is NOT the original.")


def _counts(counts: dict[str, int], unit: str = "") -> str:
    if len(counts) == 1:
        return f"{next(iter(counts))}{unit}, all"
    return ", ".join(f"{name}{unit}: {count}" for name, count in counts.items())
