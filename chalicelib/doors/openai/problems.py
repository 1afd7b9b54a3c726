"""The error codes of the OpenAI-compatible API."""

from chalicelib.core import errors

errors.register(
    model_not_found=(404, "There is no such model. `GET /openai/v1/models` lists them."),
    unsupported_parameter=(400, "The service does not support this parameter."),
    answer_unfinished=(504, "The answer was not finished in time, and was cancelled."),
    answer_failed=(502, "The answer failed."),
)
