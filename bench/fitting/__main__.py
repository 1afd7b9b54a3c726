"""Fitting constants to data. `python -m bench.fitting` lists the commands, `NAME --help` describes one."""

import sys

from bench import commands

if __name__ == "__main__":
    sys.exit(commands.run("bench.fitting", sys.argv[1:]))
