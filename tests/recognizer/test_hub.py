"""Bundles to the hub and back, against a stand-in of its HTTP interface on this machine."""

from dataclasses import replace

import pytest
import yaml
from hub_stand_in import running_hub
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError

from magtfnet import BundleError, EmotionRecognizer, HubError
from magtfnet.recognizer.onnx_engine import OnnxEngine


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    with running_hub() as (hub, address):
        monkeypatch.setattr(constants, "ENDPOINT", address)  # as $HF_ENDPOINT does when the library is loaded
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        yield hub


def push(recognizer, repo="me/ser"):
    return recognizer.push_to_hub(repo, token="hf_none")


def fetch(repo="me/ser", **options):
    return EmotionRecognizer.from_hub(repo, token="hf_none", **options)


def test_a_bundle_there_and_back(hub, trained, synthetic):
    local = EmotionRecognizer.load(trained.folder / "bundle")
    assert push(local).startswith(f"{constants.ENDPOINT}/me/ser/commit/")
    assert set(hub.repositories["me/ser"]) == {
        *("bundle.json", "weights.safetensors", "checksums.json", "MODEL_CARD.md", "README.md")
    }
    readme = hub.repositories["me/ser"]["README.md"].decode()
    assert readme.startswith("---\nlicense: cc0-1.0\n")
    assert local.bundle.card in readme
    remote = fetch()
    path = next(iter(synthetic)).path
    assert remote.predict(path) == local.predict(path)
    before = len(hub.asked)
    fetch()
    assert not any(line.startswith("GET") for line in hub.asked[before:])  # nothing is fetched twice


def test_an_exported_bundle_is_fetched_with_its_graph(hub, trained, exported):
    push(EmotionRecognizer(replace(trained.bundle, graph=exported)))
    assert isinstance(fetch().engine, OnnxEngine)


@pytest.mark.parametrize(
    ("licence", "lines"),
    [
        ("CC-BY-NC-SA-4.0", ["license: cc-by-nc-sa-4.0"]),
        ("ODbL-1.0", ["license: odbl"]),
        ("not stated; usage: research", ["license: other", 'license_name: "not-stated-usage-research"']),
        ("CC0-1.0, as its page states", ["license: other", 'license_name: "cc0-1.0-as-its-page-states"']),
        ("1.0", ["license: other", 'license_name: "1.0"']),
        ("other", ["license: other"]),
        ("\n: [", ["license: other"]),
    ],
)
def test_licences_are_written_as_the_hub_takes_them(hub, trained, licence, lines):
    provenance = {**trained.bundle.provenance, "licence": licence}
    push(EmotionRecognizer(replace(trained.bundle, provenance=provenance)))
    card = hub.repositories["me/ser"]["README.md"].decode()
    assert card.split("---\n")[1].splitlines()[:-2] == lines
    assert yaml.safe_load(card.split("---\n")[1])["license"] == lines[0].removeprefix("license: ")


def test_a_card_that_the_hub_refuses_is_one_line(hub, trained, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("Invalid metadata\nin README.md")

    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", refuse)
    with pytest.raises(
        HubError, match=r"me/ser: the hub refuses it \(Invalid metadata in README.md\); correct"
    ):
        push(EmotionRecognizer.load(trained.folder / "bundle"))


def test_what_is_not_there_is_named(hub, trained):
    with pytest.raises(HubError, match="me/ser: no such repository, or a private one; check the name"):
        fetch()
    with pytest.raises(HubError, match="'me/a/b' is no name of a repository; give owner/name"):
        fetch("me/a/b")
    hub.repositories["me/ser"] = {"README.md": b"a poem"}
    with pytest.raises(HubError, match=r"me/ser: not a bundle, one of checksums.json"):
        fetch()
    push(EmotionRecognizer.load(trained.folder / "bundle"))
    with pytest.raises(HubError, match="me/ser: no such revision; name a branch"):
        fetch(revision="v9")


def test_what_was_altered_there_is_refused(hub, trained):
    push(EmotionRecognizer.load(trained.folder / "bundle"))
    hub.repositories["me/ser"]["weights.safetensors"] += b"\0"
    with pytest.raises(BundleError, match=r"weights\.safetensors was altered or damaged"):
        fetch()


def test_a_hub_that_refuses_or_is_away(hub, trained, monkeypatch):
    hub.refuse = True
    with pytest.raises(HubError, match=r"the hub refused \(status 403\); check the token"):
        push(EmotionRecognizer.load(trained.folder / "bundle"))

    def away(*_, **__):
        raise LocalEntryNotFoundError("cannot be reached, and not in the cache")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", away)  # it would try for half a minute
    with pytest.raises(HubError, match="the hub cannot be reached; check the network"):
        fetch()


def test_without_the_library_the_install_is_named(monkeypatch):
    import sys

    from magtfnet import MissingExtraError

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'magtfnet\[hub\]'"):
        EmotionRecognizer.from_hub("me/ser")
