"""The emulator's gateway says where it is, as AWS's does."""

from __future__ import annotations

from typing import Any


def announce() -> None:
    """Have the gateway say with each request where it is, as AWS does; from that the API makes absolute addresses.

    AWS's gateway has a host of its own for each API, `requestContext.domainName`. The emulator's is one host, with the
    API in the path.
    """
    from ministack.services import apigateway_v1 as gateway  # type: ignore[import-untyped]

    build, fail = gateway._build_lambda_event_v1, gateway._gateway_error_response

    def with_address(api: str, stage: str, *rest: Any, **named: Any) -> Any:
        event = build(api, stage, *rest, **named)
        host = event["headers"].get("host", "")
        event["requestContext"]["domainName"] = host
        event["requestContext"]["path"] = f"/_aws/execute-api/{api}/{stage}{event['path']}"
        event["headers"]["X-Forwarded-Proto"] = "http"
        return event

    def with_type(error: Any, request: dict[str, Any]) -> Any:
        status, headers, body = fail(error, request)
        address = f"http://{request['headers'].get('host', '')}/_aws/execute-api/{request['api_id']}"
        return status, headers, body.replace(b"https://$context.domainName", address.encode())

    gateway._build_lambda_event_v1, gateway._gateway_error_response = with_address, with_type
