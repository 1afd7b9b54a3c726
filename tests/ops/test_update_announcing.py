"""Announcing a package: one URL for its bytes, and an entry in the audit log."""

import urllib.request

import pytest

from chalicelib.core import process
from chalicelib.ops.updates import announcing
from tests import places
from tests.service import Service


def test_a_package_is_announced_and_audited(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALCOVE_UPDATES_BUCKET", service.bucket)
    process.forget()
    administrator = service.administrator()

    announced = administrator.post("/updates", {"size_bytes": 7})

    assert announced.status in {200, 201, 202}, announced.body
    upload = announced.json["upload"]
    request = urllib.request.Request(upload["url"], b"package", upload["headers"], method="PUT")
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200
    key = f"{announcing.PREFIX}{administrator.id}/{announced.json['id']}"
    stored = places.client("s3").get_object(Bucket=service.bucket, Key=key)["Body"].read()
    assert stored == b"package"
    assert [str(part) for part in announcing.parse_key(key) or ()] == [str(administrator.id), announced.json["id"]]
    lines = service.rows("select user_id, details from audit_logs where action = 'update.announced'")
    assert lines == [(administrator.id, {"size_bytes": 7})]


def test_a_service_without_signers_takes_none_and_a_user_may_not(service: Service) -> None:
    refused = service.administrator().post("/updates", {"size_bytes": 7})
    assert (refused.status, refused.json["code"]) == (409, "updates_off")
    assert service.user().post("/updates", {"size_bytes": 7}).status == 403
