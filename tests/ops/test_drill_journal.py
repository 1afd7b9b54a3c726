"""When a drill of an account's backups begins, and who goes on with it (O8); whole ones: tests/infra/test_drills.py."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from chalicelib.core import process
from chalicelib.ops.drills import drill, journals
from tests.service import Service


@pytest.fixture
def stage(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The environment of the function `drill`, of a stage without a function `migrate`."""
    monkeypatch.setenv("ALCOVE_ARTEFACT_BUCKET", service.bucket)
    monkeypatch.setenv("ALCOVE_DATABASE_ENGINE", "aurora")
    monkeypatch.setenv("ALCOVE_DRILL_DAYS", "7")
    process.forget()
    return service


def _connections(service: Service) -> int:
    (count,) = service.rows("select count(*) from pg_stat_activity where application_name = 'alcove'")[0]
    return int(count)


def _versions(service: Service) -> list[str]:
    """Every version of the journal that was written."""
    return [item["VersionId"] for item in boto3.client("s3").list_object_versions(Bucket=service.bucket)["Versions"]]


def _stored() -> tuple[journals.Journal, str]:
    journal, version = journals.read()
    assert journal is not None
    return journal, version


def test_o8_a_look_before_a_drill_is_due_stores_nothing_and_wakes_no_database(stage: Service) -> None:
    first = drill.run()
    written = _versions(stage)
    for _ in range(2):
        assert drill.run() == first
    assert _versions(stage) == written
    assert _connections(stage) == 0


@pytest.mark.parametrize("requested", [True, False])
def test_o8_a_drill_begins_when_it_is_due_or_requested(stage: Service, *, requested: bool) -> None:
    drill.run()
    journal, _ = _stored()
    journal.started_at = (datetime.now(UTC) - timedelta(days=6 if requested else 8)).isoformat()
    journals.write(journal)
    with pytest.raises(Exception, match="alcove-test-migrate"):  # which would record it, but is not there
        drill.run(requested=requested)
    started, _ = _stored()
    assert (started.step, started.is_recorded, started.claimed_until) == ("delete", False, "")
    assert "alcove-test-migrate" in started.differences[0]
    assert datetime.fromisoformat(started.started_at) > datetime.now(UTC) - timedelta(minutes=1)


def test_o8_without_days_a_stage_has_no_journal(stage: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCOVE_DRILL_DAYS", "0")
    process.forget()
    assert drill.run()["step"] == "ended"
    assert journals.read() == (None, "")


def test_o8_one_invocation_at_a_time_goes_on_with_a_drill(stage: Service) -> None:
    drill.run()
    journal, version = _stored()
    journal.step, journal.claimed_until = "digest", (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert journals.write(journal, version)
    assert not journals.write(journal, version), "another one has claimed it"
    assert not journals.write(journal, ""), "it is there"
    claimed = _stored()
    answer = drill.run(requested=True)
    assert (answer["step"], answer["is_claimed"]) == ("digest", True)
    assert _stored() == claimed


def test_o8_a_drill_that_takes_longer_than_four_hours_is_over(stage: Service) -> None:
    drill.run()
    journal, version = _stored()
    journal.step, journal.started_at = "restore", (datetime.now(UTC) - timedelta(hours=4, minutes=1)).isoformat()
    assert journals.write(journal, version)
    with pytest.raises(Exception, match="alcove-test-migrate"):  # which would record it, but is not there
        drill.run()
    ended, _ = _stored()
    assert (ended.step, ended.differences) == (
        "delete",
        ["The drill did not come further than the step restore in four hours."],
    )
