"""Work is counted, not timed: what made the fast path fast must not come back."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from magtfnet import create_model
from magtfnet.features import FeatureStore
from magtfnet.features.frame_file import FrameFile
from magtfnet.features.store import Recording
from magtfnet.models.blocks.graph_block import FRAMES_AT_ONCE
from magtfnet.models.layout import ROWS, layout_of
from magtfnet.training.batches import TrainingData, plan_batches

LENGTHS = torch.tensor([700, 200, 100, 24])
FRAMES = 1024  # a multiple of ROWS: nothing is filled up
PRODUCTS = ("mm", "addmm", "bmm", "_linear_pointwise", "convolution", "convolution_backward")


class Calls(TorchDispatchMode):
    """Count the calls of each operator, and the numbers that they return."""

    def __init__(self):
        super().__init__()
        self.calls, self.returned = Counter(), Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        self.calls[name] += 1
        self.returned[name] += result.numel() if isinstance(result, torch.Tensor) else 0
        return result


def step(model, lengths=LENGTHS):
    torch.manual_seed(0)
    log_mel, functionals = torch.randn(len(lengths), int(lengths.max()), 40), torch.randn(len(lengths), 24)
    with Calls() as counted:
        logits = model(log_mel=log_mel, lengths=lengths, functionals=functionals)
        torch.nn.functional.cross_entropy(logits, torch.zeros(len(lengths), dtype=torch.long)).backward()
    return counted


@pytest.fixture(scope="module")
def counted():
    torch.manual_seed(0)
    return step(create_model("magtf_net", num_classes=7))


def test_matrix_products_of_a_step(counted):
    """By hand: products of a layer forward, and two backward; those of the nodes once a piece of frames."""
    pieces = -(-FRAMES // FRAMES_AT_ONCE)
    forward = (
        2 + 2 * pieces + 2 + 2 * 4 + 1 + 2 + 1
    )  # scales, nodes, graph and embedding, layers, dense, LLD, classifier
    no_gradient = 2  # log-Mel and functionals are not learnt
    large = 3 * forward - no_gradient
    attentions = 5 * 2 * 3  # squeeze and excitation: two small layers a scale
    folding = 3 * (1 + 1 + 1 + 1)  # adjacency, kernels through the mixing, the bias, nodes through the graph
    found = sum(counted.calls[name] for name in PRODUCTS)
    assert found <= large + attentions + folding
    assert found >= large


def test_no_convolution_and_no_stock_dropout(counted):
    for name in ("convolution", "native_dropout", "bernoulli_", "_safe_softmax"):
        assert counted.calls[name] == 0, name


def test_a_frame_costs_the_same_in_any_company():
    """Frames of padding would be work: a batch of unlike lengths costs what its utterances cost alone."""
    torch.manual_seed(0)
    model = create_model("magtf_net", num_classes=7).eval()

    def flops(lengths):
        log_mel = torch.randn(len(lengths), max(lengths), 40)
        with FlopCounterMode(display=False) as counter, torch.autocast("cpu", torch.bfloat16):
            model(log_mel=log_mel, lengths=torch.tensor(lengths), functionals=torch.randn(len(lengths), 24))
        return counter.get_total_flops()

    together, alone = flops([700, 68]), flops([700]) + flops([68])
    assert (700 + 68) % ROWS == 0
    assert together <= alone


def test_batches_have_few_distinct_numbers_of_rows():
    lengths = np.random.default_rng(0).integers(100, 500, (200, 32))
    rows = {
        len(layout_of(torch.zeros(32, 500, 1), torch.tensor(some)).arrange(torch.zeros(32, 500, 1)))
        for some in lengths
    }
    assert len(rows) <= (500 - 100) * 32 / ROWS
    assert len(rows) < 20


def test_random_numbers_are_drawn_once_for_four_elements(counted):
    width, vectors, frames = 128, len(LENGTHS), FRAMES
    elements = frames * width * (1 + 2 * (1 + 2 + 1))  # after the graph; in a layer D, 2 D and D
    elements += vectors * (width + 64 + 64)  # the fused vector, the LLD branch
    assert counted.returned["random_"] == pytest.approx(elements / 4, rel=0.001)


def test_dropout_masks_are_all_the_random_numbers(counted):
    assert not set(counted.calls) & {"rand", "rand_like", "normal_", "uniform_"}


@pytest.fixture
def data(tmp_path, generator, tiny_config):
    """Sixty utterances of 20 to 79 frames, features from nowhere."""
    store = FeatureStore(tmp_path, tiny_config.audio, tiny_config.features)
    recordings = [Recording(tmp_path / str(i)) for i in range(60)]

    def frames(i, width):
        return generator.random((20 + i, width), np.float32)

    store.put((r, str(i), frames(i, 40), frames(i, 12)) for i, r in enumerate(recordings))
    return TrainingData(store, recordings, [i % 3 for i in range(60)])


def test_an_epoch_reads_each_frame_once_and_opens_two_files(data, monkeypatch):
    opened, read = [], []
    real_open, real_read = FrameFile.__init__, FrameFile.read_into
    monkeypatch.setattr(FrameFile, "__init__", lambda self, *a: opened.append(a) or real_open(self, *a))
    monkeypatch.setattr(
        FrameFile,
        "read_into",
        lambda self, frames, *rest: read.append(frames.nbytes) or real_read(self, frames, *rest),
    )
    for epoch in range(2):
        for indices in plan_batches(len(data), 8, seed=epoch):
            data.batch(indices)
    assert len(opened) == 2
    assert sum(read) == 2 * int(data.lengths.sum()) * (40 + 12) * 4


def test_a_device_sees_few_distinct_shapes(data):
    from magtfnet.features import Standardizer
    from magtfnet.training.resident import SHAPES, ResidentData

    resident = ResidentData(data, Standardizer(40, 12, 24), torch.device("cpu"), ("log_mel", "lld"))
    shapes = {
        (len(indices), resident.frames_for(indices))
        for epoch in range(50)
        for indices in plan_batches(len(data), 8, seed=epoch)
    }
    assert len(shapes) <= 2 * SHAPES  # whole batches, and the last one


def test_resident_batches_are_those_of_the_store_standardised(data):
    from magtfnet.features import Standardizer
    from magtfnet.training.resident import ResidentData

    standardizer = Standardizer(40, 12, 24).fit(data.batch(piece)[0] for piece in data.in_order())
    resident = ResidentData(data, standardizer, torch.device("cpu"), ("log_mel", "lld"))
    for indices in plan_batches(len(data), 8, seed=0):
        expected, classes = data.batch(indices)
        expected = standardizer(expected)
        found, targets = resident.batch(torch.tensor(indices), resident.frames_for(indices))
        assert torch.equal(targets, classes)
        assert torch.equal(found.lengths, expected.lengths)
        longest = int(expected.lengths.max())
        torch.testing.assert_close(found.log_mel[:, :longest], expected.log_mel)
        torch.testing.assert_close(found.lld[:, :longest], expected.lld)
        torch.testing.assert_close(found.functionals, expected.functionals)
        assert not found.log_mel[:, longest:].any()
