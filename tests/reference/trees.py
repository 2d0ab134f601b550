"""Trees of empty files, which is all that readers of corpora need."""

from magtfnet import load_corpus


def touch(root, *names):
    """Make empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def read(name, root):
    """Read a tree that need not be complete."""
    return load_corpus(name, root, allow_incomplete=True)


def reasons(corpus):
    """Say which files were left out, and why."""
    return sorted((item.path.name, item.reason) for item in corpus.left_out)
