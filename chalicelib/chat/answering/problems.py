"""Why a question has no answer: codes with fixed sentences. Sentences about one case stand where it fails."""

from chalicelib.core import errors

errors.register_failures(
    failed="Answering failed several times.",
    pipeline_missing="This deployment does not offer the chosen pipeline.",
    needs_model="The pipeline requires a language model; the built-in reader was chosen.",
)
