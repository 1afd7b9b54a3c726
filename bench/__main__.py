"""`make bench`: figures. `python -m bench` lists the commands, `python -m bench NAME --help` describes one."""

import sys

from bench import commands

if __name__ == "__main__":
    sys.exit(commands.run("bench", sys.argv[1:]))
