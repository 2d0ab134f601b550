"""``python -m magtfnet``: the command line."""

from magtfnet.cli import main

if __name__ == "__main__":
    main()
