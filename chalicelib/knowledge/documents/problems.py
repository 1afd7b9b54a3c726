"""Why a document fails before it is read: codes with fixed sentences. Others stand where the error is raised."""

from chalicelib.core import errors

errors.register_failures(
    upload_missing="No file arrived within a day of the request for an upload.",
    upload_failed="The bucket did not accept the posted text.",
    object_missing="The bucket no longer holds the file. What was read from it remains searchable.",
    owner_left=(
        "The document's owner can no longer write to this space. "
        "Ask a member with write access to reindex the document."
    ),
)
