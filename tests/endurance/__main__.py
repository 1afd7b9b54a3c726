"""`make endurance`: faults at length. `python -m tests.endurance` lists the commands, `NAME --help` describes one."""

import sys

from bench import commands

if __name__ == "__main__":
    sys.exit(commands.run("tests.endurance", sys.argv[1:]))
