"""Faults and load at length, against the real service. pytest collects nothing here: `make endurance` runs it.

The suite runs each of these commands on next to nothing: tests/bench/ and tests/stack/.
"""

import bench as _bench  # noqa: F401 - it makes the embedding model's package importable
