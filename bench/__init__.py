"""Figures about Alcove, each from a command. They run from the repository's root, where `make setup` put the model."""

import sys

sys.path.append(".local/models")
