"""The parts of the models, one idea a file."""
