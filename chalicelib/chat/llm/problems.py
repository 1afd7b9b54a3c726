"""Error codes of language models, with fixed titles. failures.py has the sentence of each failure."""

from chalicelib.chat.llm import failures
from chalicelib.core import errors

errors.register(model_failed=(502, "The language model did not answer."))
# Reading a file may time out too: core/errors.py has that sentence.
errors.register_failures(**{code: text for code, text in failures.SENTENCES.items() if code != "timed_out"})
