"""A client of Alcove: private, cited answers over an organisation's own documents.

    from alcove import Alcove

    with Alcove("https://alcove.example.org", api_key="alc_…") as alcove:
        alcove.wait_for_document(alcove.upload(Path("handbook.pdf")).id)
        print(alcove.ask("How long is the notice period?").message().content)

`Alcove` waits, `AsyncAlcove` is the same for asyncio. Each operation of the service is a method, named after its
operationId in the OpenAPI document; `upload`, `ask`, `events` and `all_items` are what an operation alone cannot do.
"""

from alcove._async_client import AsyncAlcove, AsyncAnswer
from alcove._client import Alcove, Answer
from alcove.transport import (
    UNSET,
    AlcoveError,
    AnswerFailedError,
    ApiError,
    Event,
    Tokens,
    UnreachableError,
    Unset,
    WaitTimeoutError,
)

__all__ = [
    "UNSET",
    "Alcove",
    "AlcoveError",
    "Answer",
    "AnswerFailedError",
    "ApiError",
    "AsyncAlcove",
    "AsyncAnswer",
    "Event",
    "Tokens",
    "UnreachableError",
    "Unset",
    "WaitTimeoutError",
]
__version__ = "0.1.0"
