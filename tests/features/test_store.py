"""The feature store: extracted once, never stale, whole after any kill."""

import errno
import json
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import soundfile

from magtfnet import AudioError, StorageError
from magtfnet.config import AudioConfig, FeatureConfig, LogMelConfig
from magtfnet.features import FeatureStore, FrontEnd
from magtfnet.features.frame_file import FrameFile
from magtfnet.features.store import Recording, default_cache


@pytest.fixture
def recordings(tmp_path, generator):
    made = []
    for i in range(6):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, 0.1 * generator.normal(size=1_000 + 500 * i), 16_000)
        made.append(Recording(path))
    return made


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "cache", AudioConfig(), FeatureConfig())


@pytest.fixture
def computed(monkeypatch):
    """Count what the front end computes."""
    calls = []
    real = FrontEnd.extract
    monkeypatch.setattr(
        FrontEnd, "extract", lambda self, waveform: calls.append(waveform) or real(self, waveform)
    )
    return calls


def again(store):
    return FeatureStore(store.folder.parent, store.audio, store.features)


def test_features_are_the_front_ends(store, recordings):
    store.extract(recordings)
    from magtfnet import read_audio

    for recording in recordings:
        expected = FrontEnd().extract(read_audio(recording.path))
        log_mel, lld = store[recording]
        np.testing.assert_array_equal(log_mel, expected.log_mel[0].numpy())
        np.testing.assert_array_equal(lld, expected.lld[0].numpy())
    batch = store.batch(recordings[:3])
    assert batch.lengths.tolist() == [7, 10, 13]
    assert not batch.log_mel[0, 7:].any()
    np.testing.assert_allclose(batch.functionals[2], expected_functionals(recordings[2]), rtol=1e-6)


def expected_functionals(recording):
    from magtfnet import read_audio

    return FrontEnd().extract(read_audio(recording.path)).functionals[0]


def test_nothing_is_computed_twice(store, recordings, computed):
    store.extract(recordings)
    assert len(computed) == 6
    store.extract(recordings)
    again(store).extract(recordings)
    assert len(computed) == 6


def test_a_batch_reads_what_it_holds_and_opens_no_file_twice(store, recordings, monkeypatch):
    store.extract(recordings)
    opened, rows = [], []
    monkeypatch.setattr(FrameFile, "__init__", counting(FrameFile.__init__, opened))
    monkeypatch.setattr(FrameFile, "read_into", counting(FrameFile.read_into, rows))
    for _ in range(3):
        batch = store.batch(recordings)
    assert len(opened) == 2
    assert sum(frames.shape[0] for _, frames, *_ in rows) == 3 * 2 * int(batch.lengths.sum())
    for i, length in enumerate(batch.lengths):
        assert not batch.log_mel[i, length:].any()
        assert batch.log_mel[i, :length].any()


def counting(function, calls):
    def counted(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return counted


def test_threads_may_read_at_once(store, recordings):
    from concurrent.futures import ThreadPoolExecutor

    store.extract(recordings)
    expected = [store[recording][0].copy() for recording in recordings]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: store[recordings[i % 6]][0], range(600)))
    assert all(np.array_equal(frames, expected[i % 6]) for i, frames in enumerate(found))


def test_frames_that_are_gone_are_named(store, recordings):
    store.extract(recordings)
    (store.folder / "lld.f32").write_bytes(b"")
    with pytest.raises(StorageError, match=r"lld.f32: ends before .*; run again"):
        store.batch(recordings)


@pytest.mark.parametrize(
    ("name", "functionals"), [("log_mel", "paper"), ("lld", "extended"), ("functionals", "extended")]
)
def test_frames_that_a_disk_altered_are_named(tmp_path, recordings, name, functionals):
    store = FeatureStore(tmp_path / "cache", AudioConfig(), FeatureConfig(functionals=functionals))
    store.extract(recordings)
    file = store.folder / f"{name}.f32"
    data = bytearray(file.read_bytes())
    data[-6] ^= 0x10
    file.write_bytes(data)
    opened = again(store)
    opened.extract(recordings)
    opened.batch(recordings[:-1])
    with pytest.raises(StorageError, match=rf"{name}\.f32: damaged, .*; remove the folder, and its features"):
        opened.batch(recordings)
    shutil.rmtree(store.folder)
    opened = again(store)
    opened.extract(recordings)
    opened.batch(recordings)


def test_an_index_without_checksums_is_read(store, recordings, computed):
    store.extract(recordings)
    index = store.folder / "index.jsonl"
    entries = [json.loads(line) for line in index.read_text().splitlines()]
    index.write_text(
        "".join(json.dumps({k: e[k] for k in ("key", "first", "count")}) + "\n" for e in entries)
    )
    computed.clear()
    opened = again(store)
    opened.extract(recordings)
    assert computed == []
    assert len(opened.batch(recordings).log_mel) == len(recordings)


def test_features_from_elsewhere_are_kept_as_they_are(store, generator, tmp_path):
    given = [
        (
            Recording(tmp_path / f"{i}"),
            f"key {i}",
            *(generator.random((5 + i, w), np.float32) for w in (40, 12)),
        )
        for i in range(3)
    ]
    store.put(given)
    store.put(given)  # again: nothing new
    assert (store.folder / "log_mel.f32").stat().st_size == sum(5 + i for i in range(3)) * 40 * 4
    for recording, key, log_mel, lld in given:
        assert store.content_key(recording) == key
        assert np.array_equal(store[recording][0], log_mel)
        assert np.array_equal(store[recording][1], lld)


def test_an_altered_file_is_a_new_one_even_with_its_old_time(store, recordings, computed):
    import os

    store.extract(recordings)
    path = recordings[0].path
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-2:] = b"\x11\x22"  # same size, other samples
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh = again(store)
    fresh.extract(recordings)
    assert len(computed) == 7
    assert not np.array_equal(fresh[recordings[0]][0], store[recordings[0]][0])


def test_the_same_content_elsewhere_is_not_computed_again(store, recordings, computed, tmp_path):
    store.extract(recordings)
    other = tmp_path / "copy.wav"
    shutil.copy(recordings[3].path, other)
    store.extract([Recording(other)])
    assert len(computed) == 6
    np.testing.assert_array_equal(store[Recording(other)][0], store[recordings[3]][0])


def test_parts_of_a_file_are_recordings_of_their_own(store, recordings):
    path = recordings[5].path
    whole, part = Recording(path), Recording(path, 0.05, 0.15)
    store.extract([whole, part])
    assert store.length(part) == 11
    assert store.length(whole) == 22


def test_another_configuration_is_another_folder(store, recordings):
    other = FeatureStore(store.folder.parent, AudioConfig(), FeatureConfig(log_mel=LogMelConfig(n_mels=20)))
    store.extract(recordings)
    other.extract(recordings)
    assert other.folder != store.folder
    assert other[recordings[0]][0].shape == (7, 20)
    same = FeatureStore(
        store.folder.parent, AudioConfig(), FeatureConfig(standardize=False, statistics=("max",))
    )
    assert same.folder == store.folder  # neither changes what is stored


def test_a_bad_recording_is_named_and_what_was_done_is_kept(store, recordings, computed):
    recordings[4].path.write_bytes(b"not audio at all")
    with pytest.raises(AudioError, match=r"4\.wav: not audio in a known format"):
        store.extract(recordings)
    soundfile.write(recordings[4].path, np.zeros(800), 16_000)
    done = len((store.folder / "index.jsonl").read_text().splitlines())
    assert done == 4
    fresh = again(store)
    fresh.extract(recordings)
    assert fresh.length(recordings[4]) == 6


@pytest.mark.parametrize("torn", ["index", "log_mel", "lld", "garbage"])
def test_a_torn_tail_is_cut_off(store, recordings, torn):
    store.extract(recordings)
    expected = [np.array(store[recording][0]) for recording in recordings]
    if torn == "index":
        file = store.folder / "index.jsonl"
        file.write_bytes(file.read_bytes()[:-7])
    elif torn == "garbage":
        with (store.folder / "index.jsonl").open("a") as file:
            file.write('{"key": 1}\n')
    else:
        file = store.folder / f"{torn}.f32"
        file.write_bytes(file.read_bytes()[:-9])
    fresh = again(store)
    fresh.extract(recordings)
    for recording, frames in zip(recordings, expected, strict=True):
        np.testing.assert_array_equal(fresh[recording][0], frames)
    entries = [json.loads(line) for line in (store.folder / "index.jsonl").read_text().splitlines()]
    assert sum(entry["count"] for entry in entries) * 40 * 4 == (store.folder / "log_mel.f32").stat().st_size


def test_a_full_disk_is_one_line_and_the_store_stays_whole(store, recordings, monkeypatch):
    store.extract(recordings[:2])
    real = json.dumps
    calls = []

    def full(values, **options):
        calls.append(values)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(values, **options)

    monkeypatch.setattr("magtfnet.features.store.json.dumps", full)
    with pytest.raises(
        StorageError, match=r"No space left on device; free some space, or set MAGTFNET_CACHE"
    ):
        store.extract(recordings)
    monkeypatch.undo()
    fresh = again(store)
    fresh.extract(recordings)
    np.testing.assert_array_equal(fresh[recordings[5]][0], expected_log_mel(recordings[5]))


def expected_log_mel(recording):
    from magtfnet import read_audio

    return FrontEnd().extract(read_audio(recording.path)).log_mel[0].numpy()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, recordings):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file.*set MAGTFNET_CACHE to another folder"):
        FeatureStore(tmp_path / "file", AudioConfig(), FeatureConfig()).extract(recordings)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MAGTFNET_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("MAGTFNET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "magtfnet"


@pytest.mark.slow
def test_a_kill_in_the_middle_loses_nothing(tmp_path, generator):
    made = []
    for i in range(150):
        path = tmp_path / f"{i:03d}.wav"
        soundfile.write(path, 0.1 * generator.normal(size=48_000), 16_000)
        made.append(Recording(path))
    code = textwrap.dedent(f"""
        from pathlib import Path
        from magtfnet.config import AudioConfig, FeatureConfig
        from magtfnet.features import FeatureStore
        from magtfnet.features.store import Recording
        store = FeatureStore(Path({str(tmp_path / "cache")!r}), AudioConfig(), FeatureConfig())
        store.extract([Recording(p) for p in sorted(Path({str(tmp_path)!r}).glob("*.wav"))])
    """)
    process = subprocess.Popen([sys.executable, "-c", code])
    store = FeatureStore(tmp_path / "cache", AudioConfig(), FeatureConfig())
    index = store.folder / "index.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (index.exists() and index.stat().st_size > 2_000):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = index.read_text().count("\n")
    assert 0 < done < 150, "the kill came too late or too early to show anything"
    store.extract(made)
    for recording in made[::10]:
        np.testing.assert_array_equal(store[recording][0], expected_log_mel(recording))
