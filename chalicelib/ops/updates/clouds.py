"""Where stacks stand: the clients of one account and region, and the progress of what is done to a stack."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.core import aws
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

POLL_SECONDS = 0.1
_POLL_SECONDS_OF_FUNCTION = 1.0


class DeployError(RuntimeError):
    """The deployment did not succeed; the message says at which step and why."""


@dataclass(frozen=True)
class Cloud:
    """Clients of one account and region, at AWS or at an emulator."""

    cloudformation: "CloudFormationClient"
    s3: "S3Client"
    functions: "LambdaClient"
    artefact_bucket: str
    poll_seconds: float
    # The role with which CloudFormation changes a stack; None for the caller's own rights.
    stack_role: str | None = None


def of_function() -> Cloud:
    """What `update` may reach, by its own role."""
    bucket, role = settings().artefact_bucket, settings().stack_role
    return Cloud(aws.cloudformation(), aws.s3(), aws.functions(), bucket, _POLL_SECONDS_OF_FUNCTION, role)


class Progress:
    """One line per step, with the seconds it took, to `report`."""

    def __init__(self, report: Callable[[str], object] | None = None) -> None:
        self._report = report or _print

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a step; what the given function is called with is reported behind the step's name."""
        details: list[str] = []
        started_at = time.monotonic()
        try:
            yield details.append
        except BaseException:
            self.report(f"  {name:<28} failed after {time.monotonic() - started_at:.1f} s")
            raise
        self.report(f"  {name:<28}{time.monotonic() - started_at:6.1f} s  {', '.join(details)}")

    def report(self, line: str) -> None:
        """Report a line at once."""
        self._report(line)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def silent() -> Progress:
    """A progress that reports nothing."""
    return Progress(lambda _: None)


def wait_until(deadline: float, problem: str, seconds: float = POLL_SECONDS) -> None:
    """Wait a little; DeployError with `problem` when `deadline`, in seconds of the monotonic clock, is past."""
    if time.monotonic() > deadline:
        raise DeployError(problem)
    time.sleep(seconds)
