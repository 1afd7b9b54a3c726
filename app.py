"""The Chalice app: registers routes and event handlers, nothing else."""

from pathlib import Path
from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, SQSEvent

from chalicelib.auth.sessions import credentials, tickets, tokens
from chalicelib.chat.answering import handlers as answer_handlers
from chalicelib.core import http, idempotency, routing
from chalicelib.knowledge.connectors import handlers as sync_handlers
from chalicelib.knowledge.ingestion import handlers as ingest_handlers
from chalicelib.ops import handlers as ops_handlers

app = Chalice(app_name="alcove")
http.bind(app, credentials.authenticate, tickets.authenticate)
idempotency.bind(tokens.fingerprints)
routing.use(app, index=Path(__file__).with_name("routes.json"))


@app.on_sqs_message(queue="ingest")
def ingest(event: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Make uploaded objects searchable."""
    return ingest_handlers.ingest_batch(event.to_dict())


@app.on_sqs_message(queue="answer")
def answer(event: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Answer waiting questions."""
    return answer_handlers.answer_batch(event.to_dict())


@app.on_sqs_message(queue="sync")
def sync(event: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Bring documents from connectors' sources up to date."""
    return sync_handlers.sync_batch(event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:
    """Every minute: run the repairs, if somebody requested it. Every day: run them."""
    ops_handlers.tick(event.to_dict())


@app.lambda_function()
def update(event: dict[str, Any], context: Any) -> dict[str, str]:  # noqa: ARG001 — the context is not used
    """For the bucket of updates: apply the signed package that has arrived."""
    return ops_handlers.update(event)


@app.lambda_function()
def drill(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 — the context is not used
    """Every five minutes: go on with a drill of the backups, or begin one that is due."""
    return ops_handlers.drill(event)


@app.lambda_function()
def migrate(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 — the context is not used
    """At every deploy: bring the database to this version. For Secrets Manager: rotate a secret."""
    return ops_handlers.migrate(event)
