"""Whether a queue is fair: what each user was served of what it was entitled to (docs/queue.md)."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Job:
    """A question and what became of it. Times are seconds; `priority` is the one it was first claimed with."""

    user: int
    priority: int
    queued: float
    started: float
    ended: float

    @property
    def wait(self) -> float:
        return self.started - self.queued


def shares(jobs: Iterable[Job], weights: Sequence[int]) -> dict[int, tuple[float, float]]:
    """What each user was served, and was entitled to, in claims.

    At each first claim every user who has a job of that priority waiting then is entitled to its weight's share of it.
    Claims that nobody else waited for say nothing about fairness and are left out.
    """
    known = list(jobs)
    served: dict[int, float] = defaultdict(float)
    entitled: dict[int, float] = defaultdict(float)
    for claimed in known:
        waiting = {
            job.user
            for job in known
            if job.priority == claimed.priority and job.queued <= claimed.started <= job.started
        }
        if len(waiting) < 2:
            continue
        served[claimed.user] += 1
        total = sum(weights[user] for user in waiting)
        for user in waiting:
            entitled[user] += weights[user] / total
    return {user: (served[user], entitled[user]) for user in sorted(entitled)}


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all are equal, 1/n when one has everything (Jain, Chiu, Hawe 1984)."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def index_of(jobs: Iterable[Job], weights: Sequence[int]) -> float:
    """Jain's index of served / entitled, over users who were entitled to one claim at least."""
    return jain([got / due for got, due in shares(jobs, weights).values() if due >= 1])


def first_come(jobs: Iterable[Job], workers: int) -> list[Job]:
    """The same jobs, each as long, as `workers` would have served them by priority and then by age alone."""
    coming = sorted(jobs, key=lambda job: job.queued)
    free = [0.0] * workers
    waiting: list[tuple[int, float, int]] = []
    served, position = [], 0
    while position < len(coming) or waiting:
        now = heapq.heappop(free)
        if not waiting:
            now = max(now, coming[position].queued)
        while position < len(coming) and coming[position].queued <= now:
            heapq.heappush(waiting, (-coming[position].priority, coming[position].queued, position))
            position += 1
        job = coming[heapq.heappop(waiting)[2]]
        served.append(replace(job, started=now, ended=now + job.ended - job.started))
        heapq.heappush(free, served[-1].ended)
    return served
