"""Why a document cannot be read: codes with fixed sentences. Other sentences stand where the error is raised."""

from chalicelib.core import errors

errors.register_failures(
    encrypted="The file requires a password.",
    no_text_layer="The file contains only images of text, which are not recognised (OCR) or have none.",
    corrupt="The file is damaged, or its format is not what its name or type says.",
    empty="The file has no text.",
    too_large="The file, its text or its unpacked contents are too large, or reading it requires too much memory.",
    unsupported="This file format is not supported.",
)
