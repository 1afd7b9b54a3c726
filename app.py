"""The Chalice app: registers blueprints and event handlers, nothing else."""

from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, SQSEvent

from chalicelib.auth import credentials, tokens
from chalicelib.auth.admin_routes import routes as admin_routes
from chalicelib.auth.provider_routes import routes as provider_routes
from chalicelib.auth.routes import routes as auth_routes
from chalicelib.chat import events as chat_events
from chalicelib.chat.comparison_routes import routes as comparison_routes
from chalicelib.chat.routes import routes as chat_routes
from chalicelib.chat.search_routes import routes as search_routes
from chalicelib.config.routes import routes as config_routes
from chalicelib.core import http, idempotency
from chalicelib.knowledge import events as knowledge_events
from chalicelib.knowledge.catalog_routes import routes as catalog_routes
from chalicelib.knowledge.embedding_routes import routes as embedding_routes
from chalicelib.knowledge.memory_routes import routes as memory_routes
from chalicelib.knowledge.routes import routes as knowledge_routes
from chalicelib.ops import events as ops_events
from chalicelib.ops.routes import routes as ops_routes

app = Chalice(app_name="alcove")
http.bind(app, credentials.authenticate)
idempotency.bind(tokens.fingerprints)
for blueprint in (
    auth_routes,
    provider_routes,
    admin_routes,
    config_routes,
    embedding_routes,
    knowledge_routes,
    catalog_routes,
    memory_routes,
    chat_routes,
    search_routes,
    comparison_routes,
    ops_routes,
):
    app.register_blueprint(blueprint)


@app.on_sqs_message(queue="ingest")
def ingest(event: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Objects landed in the bucket: make them searchable."""
    return knowledge_events.ingest_batch(event.to_dict())


@app.on_sqs_message(queue="answer")
def answer(event: SQSEvent) -> dict[str, list[dict[str, str]]]:
    """Questions wait: answer them."""
    return chat_events.answer_batch(event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:  # noqa: ARG001 — the schedule has nothing to say
    """Every minute: repair what was lost and keep house."""
    ops_events.tick()


@app.lambda_function()
def migrate(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 — nothing here needs the context
    """At every deploy: bring the database to this version. When Secrets Manager asks: exchange a secret."""
    return ops_events.migrate(event)
