"""The Chalice app: registers routes and event handlers, nothing else."""

from typing import Any

from chalice.app import Chalice, Rate

app = Chalice(app_name="alcove")


@app.route("/health")
def health() -> dict[str, str]:
    """Say that the function runs."""
    return {"status": "ok"}


@app.on_sqs_message(queue="ingest")
def ingest(event: Any) -> dict[str, list[dict[str, str]]]:
    """Ingest the objects that landed in the bucket."""
    return {"batchItemFailures": []}


@app.on_sqs_message(queue="answer")
def answer(event: Any) -> dict[str, list[dict[str, str]]]:
    """Claim and answer a job."""
    return {"batchItemFailures": []}


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: Any) -> None:
    """Repair what was lost."""


@app.lambda_function()
def migrate(event: Any, context: Any) -> dict[str, str]:
    """Bring the database to this version's schema."""
    return {"status": "ok"}
