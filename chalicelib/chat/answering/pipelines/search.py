"""The pipeline `search`: it stops after retrieval. The answer has no text, only sources."""

from chalicelib.chat.answering.attempts import JobAttempt
from chalicelib.chat.answering.pipelines import pipeline, qa
from chalicelib.chat.messages import citations


@pipeline("search", generates=False)
def search(attempt: JobAttempt) -> None:
    """Retrieve chunks for the question; leaves them as the sources of the attempt."""
    qa.understand(attempt)
    chunks = qa.retrieve(attempt, qa.condense(attempt))
    attempt.sources = [citations.source(number, chunk, attempt.job.question) for number, chunk in enumerate(chunks, 1)]
