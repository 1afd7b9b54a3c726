"""Every error code is registered once, beside the code that uses it, and is used."""

import re
from pathlib import Path

import psycopg
import pytest

from chalicelib.core import errors
from infra import pages

PACKAGE = Path(__file__).parents[2] / "chalicelib"
FUNCTIONS = PACKAGE.parent / "migrations"


def _source() -> str:
    paths = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql"), *FUNCTIONS.rglob("*.sql")]
    return "\n".join(path.read_text("utf-8") for path in paths if path.name != "problems.py")


def test_a_code_is_registered_once() -> None:
    registered = dict(errors.codes())
    with pytest.raises(ValueError, match="job_finished"):
        errors.register(job_finished=(409, "It has ended."))
    with pytest.raises(ValueError, match="timed_out"):
        errors.register_failures(timed_out="It took too long.")
    assert errors.codes() == registered


def test_every_code_that_is_raised_is_registered() -> None:
    raised = set(re.findall(r"""\bcode=["'](\w+)["']""", _source()))
    assert len(raised) > 30
    assert raised <= errors.codes().keys() | errors.failures().keys()


def test_every_registered_code_is_used() -> None:
    source = _source()
    for code in [*errors.codes(), *errors.failures()]:
        assert re.search(rf"""["']{code}["']""", source), code


def test_the_page_of_errors_has_every_code() -> None:
    page = pages.error_page()
    for code in [*errors.codes(), *errors.failures()]:
        assert f"| `{code}` |" in page


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.ForeignKeyViolation,
        psycopg.errors.SerializationFailure,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.QueryCanceled,
    ],
)
def test_contention_is_a_problem_of_requests_and_workers_see_the_error_itself(error: type[psycopg.Error]) -> None:
    assert isinstance(errors.of_database(error(), in_request=True), errors.Unavailable)
    assert errors.of_database(error(), in_request=False) is None
    assert errors.of_database(psycopg.errors.UniqueViolation(), in_request=True) is None
