"""Error codes of comparisons, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    comparisons_off=(
        409,
        "A comparison requires a champion and a challenger. An administrator configures them (`/ab/pool`).",
    ),
    comparison_unfinished=(409, "Wait until both answers have ended, then vote."),
    comparison_void=(409, "An answer of this comparison failed or was cancelled. A vote is not possible."),
    already_voted=(409, "This comparison already has another vote. A vote cannot be changed."),
)
