"""Error codes of questions and jobs, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    budget_exhausted=(402, "The budget of this month is used up. The built-in reader still answers."),
    model_unavailable=(409, "The model that gave this answer is no longer there, so the answer cannot be replayed."),
    job_finished=(409, "The job has ended and cannot be changed."),
    too_many_streams=(429, "Too many event streams of the caller wait at the same time. Close one."),
    queue_full=(429, "Too many questions are waiting. Try again later."),
)
errors.register_failures(
    budget_exhausted="A budget of the user was used up while the question waited.",
    asker_inactive="The user's account was deactivated while the question waited.",
)
