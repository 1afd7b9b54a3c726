"""`alcove`: sign in, upload, ask, search and administer from a terminal."""

from alcove.cli.main import main

__all__ = ["main"]
