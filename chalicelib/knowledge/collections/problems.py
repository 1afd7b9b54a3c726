"""Error codes of repositories and tags, with fixed titles. Sentences about one case stand where the error is raised."""

from chalicelib.core import errors

errors.register(
    name_taken=(409, "This name is already in use."),
    path_taken=(409, "Another document of the repository has this path."),
)
