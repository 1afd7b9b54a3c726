"""Leases: a worker holds a row for a limited time, and renews its lease while it works."""


class LeaseLostError(Exception):
    """The worker's lease expired and another worker holds it, or the row is gone: this worker must write no more."""
