"""Error codes of what CloudWatch knows."""

from chalicelib.core import errors

errors.register(
    cloud_metrics_off=(409, "This deployment is not in an AWS account: there is no CloudWatch that knows it."),
    cloud_metrics_denied=(
        409,
        "The role of the function `api` may not read CloudWatch's metrics. It needs `cloudwatch:GetMetricData`.",
    ),
)
