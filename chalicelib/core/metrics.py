"""CloudWatch metrics as log lines in the embedded metric format: CloudWatch reads them from a function's log.

No API call and no permission is required. See "Specification: Embedded metric format" in CloudWatch's guide.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Literal

from chalicelib.core.settings import settings

NAMESPACE = "Alcove"

Unit = Literal["Count", "Milliseconds"]


def put(unit: Unit, values: Mapping[str, float], **dimensions: str) -> None:
    """Print one line with these metrics of one unit, by the deployment's stage and these dimensions.

    Each value of a dimension is billed as a metric: dimensions have few values, and never ids. Without values, nothing
    is printed.
    """
    if not values:
        return
    by = {"Deployment": settings().stage, **dimensions}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(by)],
        "Metrics": [{"Name": name, "Unit": unit} for name in values],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    # Lambda writes a function's standard output to its log. Flushed: the function may be frozen or killed right after.
    sys.stdout.write(json.dumps({"_aws": about, **by, **values}) + "\n")
    sys.stdout.flush()
