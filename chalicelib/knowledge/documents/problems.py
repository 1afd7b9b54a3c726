"""Why a document fails before it is read: codes with fixed sentences. Others stand where the error is raised."""

import json

from chalicelib.core import errors


def _storage_full(detail: str) -> errors.Problem:
    """The refusal of charge_storage(), whose detail is `{used_bytes, limit_bytes, requested_bytes}` as JSON."""
    numbers = json.loads(detail)
    used, limit, requested = (numbers[f"{name}_bytes"] / 1e6 for name in ("used", "limit", "requested"))
    sentence = (
        f"The space holds {used:,.1f} of {limit:,.0f} MB, deleted documents included until they are purged, and "
        f"{requested:,.1f} MB more do not fit. Delete documents, or ask an administrator for a higher limit."
    )
    return errors.Conflict(sentence, code="storage_full", **numbers)


errors.register(
    packed=(409, "The document is packed into another one, and moves with it."),
    storage_full=(409, "The space is full: the limit of its storage is reached."),
    parts_missing=(409, "Parts of the file have not arrived. Send them, then complete the upload."),
    from_connector=(409, "A connector keeps this document up to date. Change it at its source."),
)
errors.register_refusal("AL507", _storage_full)

errors.register_failures(
    storage_full="The limit of the space's storage is reached. Delete documents, and upload the file again.",
    upload_missing="No file arrived within a day of the request for an upload.",
    upload_refused=(
        "The uploaded file was refused: it has another size than announced, or the user who announced it can no longer "
        "write to this space."
    ),
    upload_failed="The bucket did not accept the posted text.",
    object_missing="The bucket no longer holds the file. What was read from it remains searchable.",
    owner_left=(
        "The document's owner can no longer write to this space. "
        "Ask a member with write access to reindex the document."
    ),
)
