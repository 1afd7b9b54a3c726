"""What the template of API Gateway gets from the application: its own answers, and the routes that are streamed.

Its own answers are problem documents, whose codes infra/template.yaml names. `PROBLEM too_large` becomes the text of a
document with that code. API Gateway replaces the variables in it. The title and the status of a code stand in
chalicelib/core/errors.py alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.core import errors

_MARK = "PROBLEM "
_STREAM_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2021-11-15/functions/${Stream.Arn}"
    "/response-streaming-invocations"
)
# API Gateway's usual limit in milliseconds, and that of the function `stream`.
_BUFFERED_MS, _STREAMED_MS = 29_000, 300_000


def write_problems(template: dict[str, Any]) -> None:
    """Replace the marks in the template's gateway responses."""
    for kind, response in template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"].items():
        text = response["ResponseTemplates"]["application/json"]
        if not isinstance(text, str):
            continue  # one mapping of the YAML that several kinds share, done before
        # The kinds DEFAULT_4XX and DEFAULT_5XX have various statuses: the document does not repeat them.
        problem = _problem(text.removeprefix(_MARK), with_status=not kind.startswith("DEFAULT_"))
        response["ResponseTemplates"]["application/json"] = problem


def stream(template: dict[str, Any], routes: Iterable[tuple[str, str]]) -> None:
    """Give these routes, each a method and a path, to the function `stream` where the stack has it."""
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    for method, path in routes:
        integration = paths[path][method.lower()]["x-amazon-apigateway-integration"]
        integration["uri"] = _if_streams({"Fn::Sub": _STREAM_URI}, integration["uri"])
        integration["contentHandling"] = _if_streams({"Ref": "AWS::NoValue"}, integration["contentHandling"])
        integration["responseTransferMode"] = _if_streams("STREAM", "BUFFERED")
        integration["timeoutInMillis"] = _if_streams(_STREAMED_MS, _BUFFERED_MS)


def _if_streams(streamed: object, buffered: object) -> dict[str, Any]:
    return {"Fn::If": ["Streams", streamed, buffered]}


def _problem(code: str, *, with_status: bool) -> dict[str, Any]:
    own, gateways = "https://${DomainName}", "https://$context.domainName/$context.stage"
    return {"Fn::If": ["HasDomain", {"Fn::Sub": _text(code, own, with_status)}, _text(code, gateways, with_status)]}


def _text(code: str, address: str, with_status: bool) -> str:
    status, title = errors.codes()[code]
    document: dict[str, Any] = {"type": f"{address}/problems/{code}", "title": title, "code": code}
    if with_status:
        document["status"] = status
    return json.dumps(document | {"request_id": "$context.requestId"})
