"""What the docs say of long recordings, streams and folders, measured: ``python -m benchmarks.field WHAT …``."""
