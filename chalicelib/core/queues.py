"""Messages to the queues. Every message is a wake-up: a repair sends a lost one again."""

import json
from collections.abc import Iterable, Mapping

from chalicelib.core import aws, errors

# SQS accepts at most ten messages in one request (SendMessageBatch).
_BATCH = 10


def send(queue_url: str, bodies: Iterable[Mapping[str, object]], *, delay_seconds: int = 0) -> None:
    """Send one message for each body, as JSON; it arrives after `delay_seconds` (0 to 900) at the earliest.

    Raises Unavailable unless the queue accepts all of them.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    messages = [json.dumps(body) for body in bodies]
    for start in range(0, len(messages), _BATCH):
        batch = messages[start : start + _BATCH]
        try:
            answer = aws.sqs().send_message_batch(
                QueueUrl=queue_url,
                Entries=[
                    {"Id": str(number), "MessageBody": message, "DelaySeconds": delay_seconds}
                    for number, message in enumerate(batch)
                ],
            )
        except (BotoCoreError, ClientError) as error:
            raise errors.Unavailable("The queue cannot be reached.") from error
        if answer.get("Failed"):
            raise errors.Unavailable("The queue did not accept every message.")
