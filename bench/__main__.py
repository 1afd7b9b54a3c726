"""`make bench`: figures. `.venv/bin/python -m bench` lists the commands; with `NAME --help` it describes one."""

import sys

from bench import commands

if __name__ == "__main__":
    sys.exit(commands.run("bench", sys.argv[1:]))
