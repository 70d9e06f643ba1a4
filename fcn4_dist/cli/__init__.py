"""The command line: parse, call, print."""

from fcn4_dist.cli.main import main
