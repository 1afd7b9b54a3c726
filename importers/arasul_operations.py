"""Arasul: what it noted of itself: measurements, self-healing, workflows and updates."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from chalicelib.core import sql
from importers.move import Move
from importers.records import Json, Row, Step, Target

queries = sql.load(str(Path(__file__).with_name("arasul.py")))

# Arasul measures the one machine that it runs on.
HOST = "arasul"


def metrics(row: Row, move: Move) -> Iterator[Target]:
    """What was measured at one instant; what was not is null."""
    measured = move.created(row, "timestamp")
    move.check_retention("host_metrics", measured)
    yield Target(
        "hosts",
        {"name": HOST, "interval_seconds": 60, "left_at": move.now},
        key=("name",),
        shared=True,
        volatile=frozenset({"left_at"}),
    )
    values: dict[str, Json] = {
        "id": move.id(row, measured),
        "host": HOST,
        "measured_at": measured,
        "cpu_percent": row.number("cpu", 0, 100),
        "ram_percent": row.number("ram", 0, 100),
        "gpu_percent": row.number("gpu", 0, 100),
        "temperature_celsius": row.number("temperature", -100, 300),
        "disk_used_bytes": row.whole("used", 0, 2**62),
        "disk_free_bytes": row.whole("free", 0, 2**62),
        "disk_percent": row.number("percent", 0, 100),
    }
    yield Target("host_metrics", values)


def healing(row: Row, move: Move) -> Iterator[Target]:
    """A fault that was repaired there; nobody is told of it again."""
    moment = move.created(row, "timestamp")
    move.check_retention("self_healing_events", moment)
    severity = str(row.get("severity", "info")).lower()
    if severity not in {"info", "warning", "critical"}:
        row.note("its severity is none of info, warning, critical")
        severity = "info"
    values: dict[str, Json] = {
        "id": move.id(row, moment),
        "event_type": row.text("event_type", 100, "unknown"),
        "severity": severity,
        "description": row.text("description", 2000, ""),
        "action_taken": row.text("action_taken", 2000, ""),
        "is_alerted": True,
        "created_at": moment,
    }
    yield Target("self_healing_events", values)


def workflows(row: Row, move: Move) -> Iterator[Target]:
    """A run of a workflow."""
    moment = move.created(row, "timestamp")
    move.check_retention("workflow_activity", moment)
    status = str(row.get("status", "")).lower()
    values: dict[str, Json] = {
        "id": move.id(row, moment),
        "workflow_name": row.text("workflow_name", 100, "unknown"),
        "status": "failed" if row.get("error") or status in {"failed", "error", "crashed"} else "completed",
        "duration_ms": row.whole("duration_ms", 0, 2**31 - 1, 0),
        "counts": {"status": status} if status not in {"failed", "completed"} else {},
        "error": row.text("error", 2000),
        "created_at": moment,
    }
    yield Target("workflow_activity", values)


def update_events(row: Row, move: Move) -> Iterator[Target]:
    """An update of the other system."""
    started = move.created(row, "started_at")
    components = row.get("components_updated", [])
    values: dict[str, Json] = {
        "id": move.id(row, started),
        "version_from": row.text("version_from", 50),
        "version_to": row.text("version_to", 50, "unknown"),
        "status": row.get("status", "pending"),
        "source": row.get("source", "dashboard"),
        "components_updated": components if isinstance(components, list) else [components],
        "error_message": row.text("error_message", 2000),
        "started_at": started,
        "completed_at": move.time(row, "completed_at"),
        "requires_reboot": bool(row.get("requires_reboot", False)),
        "initiated_by": row.text("initiated_by", 100, "unknown"),
    }
    yield Target("update_events", values)


def backups(row: Row, move: Move) -> Iterator[Target]:
    """A backup before an update; its file is where it was."""
    created, event = move.created(row), row.match("update_event_id")
    components = row.get("components", [])
    values: dict[str, Json] = {
        "id": move.id(row, created),
        "backup_path": row.text("backup_path", 1024, "unknown"),
        "update_event_id": event.id if event else None,
        "created_at": created,
        "backup_size_bytes": int(Decimal(str(row.get("backup_size_mb", 0))) * 1_000_000),
        "components": components if isinstance(components, list) else [components],
        "restoration_tested": bool(row.get("restoration_tested", False)),
        "notes": row.text("notes", 2000),
    }
    yield Target("update_backups", values)


def files(row: Row, move: Move) -> Iterator[Target]:
    """A file that was uploaded as an update."""
    uploaded, checksum = move.created(row, "uploaded_at"), str(row.get("checksum_sha256", ""))
    try:
        digest = bytes.fromhex(checksum)
    except ValueError:
        digest = b""
    if checksum and len(digest) != 32:
        row.note("its checksum is no SHA-256")
    status = str(row.get("validation_status", "pending")).lower()
    if status not in {"pending", "valid", "invalid"}:
        row.note("its validation_status is none of pending, valid, invalid")
        status = "valid" if status in {"validated", "passed", "ok"} else "invalid"
    manifest = row.get("manifest")
    values: dict[str, Json] = {
        "id": move.id(row, uploaded),
        "filename": row.text("filename", 255, "unknown"),
        "file_path": row.text("file_path", 1024, "unknown"),
        "checksum_sha256": digest if len(digest) == 32 else None,
        "file_size_bytes": row.whole("file_size_bytes", 0, 2**62),
        "source": row.get("source", "dashboard"),
        "uploaded_at": uploaded,
        "signature_verified": bool(row.get("signature_verified", False)),
        "manifest": manifest if manifest is None or isinstance(manifest, dict) else {"manifest": manifest},
        "validation_status": status,
        "applied": bool(row.get("applied", False)),
    }
    yield Target("update_files", values)


def rollbacks(row: Row, move: Move) -> Iterator[Target]:
    """A return to the version before."""
    event, backup = row.needs("original_update_event_id", "update"), row.match("backup_id")
    started = move.created(row, "started_at")
    values: dict[str, Json] = {
        "id": move.id(row, started),
        "original_update_event_id": event.id,
        "backup_id": backup.id if backup else None,
        "rollback_reason": row.text("rollback_reason", 2000, ""),
        "initiated_by": row.text("initiated_by", 100, "unknown"),
        "started_at": started,
        "completed_at": move.time(row, "completed_at"),
        "success": row.get("success"),
        "error_message": row.text("error_message", 2000),
    }
    yield Target("update_rollbacks", values)


def components(row: Row, move: Move) -> Iterator[Target]:
    """What an update did to one component."""
    event, started = row.needs("update_event_id", "update"), move.created(row, "started_at")
    status = str(row.get("status", "pending")).lower()
    if status not in {"pending", "completed", "failed", "rolled_back"}:
        row.note("its status is none of pending, completed, failed, rolled_back")
        status = "pending"
    values: dict[str, Json] = {
        "id": move.id(row, started),
        "update_event_id": event.id,
        "component_name": row.text("component_name", 100, "unknown"),
        "component_type": row.text("component_type", 50, "unknown"),
        "version_from": row.text("version_from", 100),
        "version_to": row.text("version_to", 100, "unknown"),
        "status": status,
        "started_at": started,
        "completed_at": move.time(row, "completed_at"),
        "error_message": row.text("error_message", 2000),
    }
    yield Target("component_updates", values)


_NUMBER = (("id", "bigint"),)
_EVENT = {"update_event_id": "update_events"}
STEPS = (
    Step("self_healing_events", queries.self_healing_events, healing, order=_NUMBER),
    Step("workflow_activity", queries.workflow_activity, workflows, order=_NUMBER),
    Step("update_events", queries.update_events, update_events, order=_NUMBER),
    Step("update_backups", queries.update_backups, backups, order=_NUMBER, refs=_EVENT),
    Step("update_files", queries.update_files, files, order=_NUMBER),
    Step(
        "update_rollbacks",
        queries.update_rollbacks,
        rollbacks,
        order=_NUMBER,
        refs={"original_update_event_id": "update_events", "backup_id": "update_backups"},
    ),
    Step("component_updates", queries.component_updates, components, order=_NUMBER, refs=_EVENT),
    Step(
        "metrics_cpu",
        queries.metrics,
        metrics,
        order=(("timestamp", "timestamptz"),),
        key=("timestamp",),
        requires=("metrics_cpu", "metrics_ram", "metrics_gpu", "metrics_temperature", "metrics_disk"),
    ),
)
