"""The command line: one file a command, heavy imports inside the command."""

from magtfnet.cli.app import main as main
