"""The main job through the client that openapi-python-client generates: run in its environment, beside it."""

# mypy: ignore-errors

import json
import os
import time

import httpx
from client import AuthenticatedClient, Client
from client.api.auth import log_in
from client.api.conversations import create_conversation, create_message, list_messages
from client.api.documents import create_document, get_document
from client.api.jobs import create_job_ticket, get_job
from client.models import LoginByEmail, NewConversation, NewFileDocument, NewMessage
from client.models.document_status import DocumentStatus
from client.models.job_status import JobStatus

TEXT = b"# Pump manual\n\nThe coolant pump P-17 is inspected every ninety days.\n"

api = os.environ["API"]
login = log_in.sync(
    client=Client(base_url=api), body=LoginByEmail(email=os.environ["EMAIL"], password=os.environ["PASSWORD"])
)
client = AuthenticatedClient(base_url=api, token=login.access_token, timeout=httpx.Timeout(60))

document = create_document.sync(
    client=client,
    body=NewFileDocument(title="Pump manual", filename="pump.md", content_type="text/markdown", size_bytes=len(TEXT)),
)
upload = document.upload
httpx.request(upload.method, upload.url, headers=upload.headers.additional_properties, content=TEXT).raise_for_status()
while (document := get_document.sync(document.id, client=client)).status is not DocumentStatus.COMPLETED:
    assert document.status is not DocumentStatus.FAILED, document
    time.sleep(0.2)

conversation = create_conversation.sync(client=client, body=NewConversation())
queued = create_message.sync(
    conversation.id, client=client, body=NewMessage(content="How often is pump P-17 inspected?"), idempotency_key="k-1"
)
events, last = [], 0
while True:
    # The ticket's address, as an EventSource would open it.
    ticket = create_job_ticket.sync(queued.job.id, client=client)
    response = httpx.get(f"{ticket.url}&after={last}", timeout=60)
    if response.status_code == 204:
        break
    for block in response.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "id" in lines:
            last = int(lines["id"])
            events.append(lines["event"])
assert get_job.sync(queued.job.id, client=client).status is JobStatus.COMPLETED
answer = list_messages.sync(conversation.id, client=client).items[-1]
print(json.dumps({"events": events, "answer": answer.content, "sources": [source.title for source in answer.sources]}))
