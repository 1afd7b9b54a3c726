"""The emulator's gateway says where it is and takes a route of every method, as AWS's does."""

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


def import_any_method() -> None:
    """Have the gateway import `x-amazon-apigateway-any-method`, which it exports and otherwise leaves out.

    The API's greedy path, which answers preflights, unknown paths and wrong methods, has no other method.
    """
    from ministack.services import apigateway_v1 as gateway

    gateway._OPENAPI_HTTP_METHODS.add("any")
    import_path = gateway._import_path_item

    def with_any(api: str, path: str, item: dict[str, Any], *rest: Any) -> None:
        names = {"x-amazon-apigateway-any-method": "any"}
        import_path(api, path, {names.get(name, name): operation for name, operation in item.items()}, *rest)

    gateway._import_path_item = with_any
