"""`ingestion_schedule`: when documents that seem finished are compared with the bucket."""

from datetime import UTC, datetime, timedelta

import boto3

from chalicelib.core import repairs
from chalicelib.knowledge.ingestion import repairs as ingestion_repairs
from tests.config.coverage import changes
from tests.service import Service

PUMP = "The coolant pump P-17 is inspected every ninety days."
VALVE = "Valve V-3 closes at six bar."
NOON = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def test_when_the_previous_comparison_was_due() -> None:
    for schedule, expected in (
        ("", NOON - timedelta(hours=23)),
        ("0 3 * * *", NOON.replace(hour=3)),
        ("0 18 * * *", NOON.replace(day=14, hour=18)),
        ("*/15 * * * *", NOON - timedelta(minutes=15)),
        ("0 3 * * MON", NOON.replace(day=9, hour=3)),
        ("0 0 29 2 *", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0 0 L * *", datetime(2026, 2, 28, tzinfo=UTC)),
    ):
        assert ingestion_repairs.last_comparison_due(schedule, NOON) == expected, schedule


def _verified(service: Service, document_id: str, ago: str) -> None:
    """Let the document be compared last so long ago, and be unchanged since."""
    with service.database.connect("owner") as owner:
        owner.execute("alter table documents disable trigger touch")
        owner.execute(
            "update documents set verified_at = now() - %s::interval, updated_at = now() - %s::interval "
            "- interval '1 hour' where id = %s",
            [ago, ago, document_id],
        )
        owner.execute("alter table documents enable trigger touch")


@changes("ingestion_schedule")
def test_the_schedule_decides_when_unannounced_objects_are_detected(service: Service) -> None:
    administrator, user = service.administrator(), service.user()
    document = user.add("Pump", PUMP)
    key = f"documents/{document['id']}"
    boto3.client("s3").put_object(Bucket=service.bucket, Key=key, Body=VALVE.encode(), ContentType="text/plain")
    service.drain("ingest")  # the event was lost

    def noticed(schedule: str | None, ago: str) -> object:
        changed = administrator.request("PATCH", "/config/dynamic", {"ingestion_schedule": schedule})
        assert changed.status == 200, changed.body
        _verified(service, document["id"], ago)
        return repairs.run("verify_documents")["verify_documents"]

    half_a_year_away = (datetime.now(UTC).month + 5) % 12 + 1
    yearly = f"0 0 1 {half_a_year_away} *"
    assert noticed(None, "1 hour") == 0, "once a day"
    assert noticed(yearly, "25 hours") == 0
    assert noticed(yearly, "370 days") == 1
    assert noticed("* * * * *", "1 hour") == 1
    assert noticed("", "25 hours") == 1, "empty is once a day, too"
    service.pump_ingest()
    assert user.get(f"/documents/{document['id']}/content").json["text"] == VALVE
