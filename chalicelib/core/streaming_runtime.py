"""A Lambda runtime whose responses are streamed: `python -m chalicelib.core.streaming_runtime`.

Lambda's own Python runtime returns a response as a whole. streaming_runtime.sh starts this one in its place. It speaks
the Lambda runtime API, as AWS documents it for custom runtimes: takes an event, has the handler answer, and sends the
response's head, eight zero bytes, and the parts of the body as they are made.
"""

import base64
import http.client
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_API = "/2018-06-01/runtime"
_HEAD_ENDS = bytes(8)
_LIBRARIES = "/opt/python"

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is told about its invocation, with the names that Lambda's own runtime gives."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


def main() -> None:
    """Answer events until the process is ended."""
    api = os.environ["AWS_LAMBDA_RUNTIME_API"]
    try:
        handler = _load(os.environ["_HANDLER"])
    except BaseException as error:
        _post(api, f"{_API}/init/error", _described(error))
        raise
    while True:
        serve(api, handler)


def _load(name: str) -> Handler:
    """The handler `module.name`, with the libraries of the function's layers."""
    sys.path[:0] = [os.environ.get("LAMBDA_TASK_ROOT", "."), _LIBRARIES]
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), attribute)
    return handler


def serve(api: str, handler: Handler) -> None:
    """Take one event from the runtime API at the address `api`, and send its response."""
    from chalicelib.core import streamed

    event, context = _next(api)
    with streamed.accepted() as rest:
        try:
            response = handler(event, context)
        except Exception as error:  # noqa: BLE001 — Lambda logs and counts it
            _post(api, f"{_API}/invocation/{context.aws_request_id}/error", _described(error))
            return
        _send(api, context.aws_request_id, response, rest)


def _next(api: str) -> tuple[dict[str, Any], Context]:
    connection = http.client.HTTPConnection(api)  # waits for an event as long as it takes
    try:
        connection.request("GET", f"{_API}/invocation/next")
        reply = connection.getresponse()
        event = json.loads(reply.read())
    finally:
        connection.close()
    trace = reply.headers.get("Lambda-Runtime-Trace-Id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    return event, Context(
        aws_request_id=reply.headers["Lambda-Runtime-Aws-Request-Id"],
        invoked_function_arn=reply.headers.get("Lambda-Runtime-Invoked-Function-Arn", ""),
        deadline_ms=int(reply.headers.get("Lambda-Runtime-Deadline-Ms", "0")),
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        function_version=os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
        memory_limit_in_mb=os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
        log_group_name=os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream_name=os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    )


def _head(response: dict[str, Any]) -> dict[str, Any]:
    """The head of a response. Several values of one header stay several."""
    several = {name: list(values) for name, values in (response.get("multiValueHeaders") or {}).items()}
    return {
        "statusCode": response["statusCode"],
        "headers": response.get("headers") or {},
        "multiValueHeaders": several,
    }


def _send(api: str, request_id: str, response: dict[str, Any], parts: Iterable[str]) -> None:
    """Send a response, until the client, or Lambda, no longer takes its parts."""
    from chalicelib.core.log import logger

    connection = http.client.HTTPConnection(api)
    try:
        connection.putrequest("POST", f"{_API}/invocation/{request_id}/response")
        for name, value in (
            ("Content-Type", "application/vnd.awslambda.http-integration-response"),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        _chunk(connection, json.dumps(_head(response)).encode() + _HEAD_ENDS + _body(response))
        trailer = b""
        try:
            for part in parts:
                _chunk(connection, part.encode())
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 — it is logged, and Lambda counts it
            logger().exception("a stream failed")
            trailer = _trailer(error)  # the head is sent: Lambda learns of it at the end
        connection.send(b"0\r\n" + trailer + b"\r\n")
        connection.getresponse().read()
    except OSError as error:
        logger().info("a stream was not taken to its end", error=str(error))
    finally:
        connection.close()


def _body(response: dict[str, Any]) -> bytes:
    body = response.get("body") or ""
    return base64.b64decode(body) if response.get("isBase64Encoded") else str(body).encode()


def _chunk(connection: http.client.HTTPConnection, content: bytes) -> None:
    if content:
        connection.send(f"{len(content):x}\r\n".encode() + content + b"\r\n")


def _described(error: BaseException) -> dict[str, Any]:
    """What Lambda is told of an error: its type. Its text may quote a user."""
    return {"errorType": type(error).__name__, "errorMessage": "", "stackTrace": []}


def _trailer(error: BaseException) -> bytes:
    details = base64.b64encode(json.dumps(_described(error)).encode()).decode()
    return (
        f"Lambda-Runtime-Function-Error-Type: {type(error).__name__}\r\n"
        f"Lambda-Runtime-Function-Error-Body: {details}\r\n"
    ).encode()


def _post(api: str, path: str, document: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection(api)
    try:
        headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": document["errorType"]}
        connection.request("POST", path, json.dumps(document), headers)
        connection.getresponse().read()
    finally:
        connection.close()


if __name__ == "__main__":
    main()
