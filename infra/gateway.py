"""The answers that API Gateway gives itself, as problem documents: infra/template.yaml names the code of each.

`PROBLEM too_large` becomes the text of a document with that code. API Gateway replaces the variables in it. The title
and the status of a code stand in chalicelib/core/errors.py alone.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.core import errors

_MARK = "PROBLEM "


def write_problems(template: dict[str, Any]) -> None:
    """Replace the marks in the template's gateway responses."""
    for kind, response in template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"].items():
        text = response["ResponseTemplates"]["application/json"]
        if not isinstance(text, str):
            continue  # one mapping of the YAML that several kinds share, done before
        # The kinds DEFAULT_4XX and DEFAULT_5XX have various statuses: the document does not repeat them.
        problem = _problem(text.removeprefix(_MARK), with_status=not kind.startswith("DEFAULT_"))
        response["ResponseTemplates"]["application/json"] = problem


def _problem(code: str, *, with_status: bool) -> dict[str, Any]:
    own, gateways = "https://${DomainName}", "https://$context.domainName/$context.stage"
    return {"Fn::If": ["HasDomain", {"Fn::Sub": _text(code, own, with_status)}, _text(code, gateways, with_status)]}


def _text(code: str, address: str, with_status: bool) -> str:
    status, title = errors.codes()[code]
    document: dict[str, Any] = {"type": f"{address}/problems/{code}", "title": title, "code": code}
    if with_status:
        document["status"] = status
    return json.dumps(document | {"request_id": "$context.requestId"})
