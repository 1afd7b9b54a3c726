"""What the environment says, read on first use and never at import. The only module that reads it."""

import os
from dataclasses import dataclass

from chalicelib.core import process


@dataclass(frozen=True, slots=True)
class Settings:
    """One function's environment. docs/settings.md describes each variable; a test holds the two together."""

    stage: str
    bucket: str
    ingest_queue_url: str
    ingest_dead_letter_url: str
    answer_queue_url: str
    answer_dead_letter_url: str
    database_secret: str
    database_host: str
    signing_secret: str
    owner_secret: str
    master_secret: str
    administrator_secret: str
    master_key: str
    oidc_secret: str
    github_secret: str
    embedder_queue: str
    embedder_job: str
    log_level: str


class MissingSettingError(RuntimeError):
    """A function needs a variable that its environment does not have: a mistake of the deployment."""


_VARIABLES = {
    "stage": "ALCOVE_STAGE",
    "bucket": "ALCOVE_BUCKET",
    "ingest_queue_url": "ALCOVE_INGEST_QUEUE_URL",
    "ingest_dead_letter_url": "ALCOVE_INGEST_DEAD_LETTER_URL",
    "answer_queue_url": "ALCOVE_ANSWER_QUEUE_URL",
    "answer_dead_letter_url": "ALCOVE_ANSWER_DEAD_LETTER_URL",
    "database_secret": "ALCOVE_DATABASE_SECRET",
    "database_host": "ALCOVE_DATABASE_HOST",
    "signing_secret": "ALCOVE_SIGNING_SECRET",
    "owner_secret": "ALCOVE_OWNER_SECRET",
    "master_secret": "ALCOVE_MASTER_SECRET",
    "administrator_secret": "ALCOVE_ADMINISTRATOR_SECRET",
    "master_key": "ALCOVE_MASTER_KEY",
    "oidc_secret": "ALCOVE_OIDC_SECRET",
    "github_secret": "ALCOVE_GITHUB_SECRET",
    "embedder_queue": "ALCOVE_EMBEDDER_QUEUE",
    "embedder_job": "ALCOVE_EMBEDDER_JOB",
    "log_level": "LOG_LEVEL",
}
# Only migrate may see the owner's, the master's and the administrator's secret. A provider without a secret is off.
_OPTIONAL = {
    "database_host": "",
    "owner_secret": "",
    "master_secret": "",
    "administrator_secret": "",
    "master_key": "",
    "oidc_secret": "",
    "github_secret": "",
    "embedder_queue": "",
    "embedder_job": "",
    "log_level": "INFO",
}


@process.cached
def settings() -> Settings:
    """This process's settings. Raises MissingSettingError that names what is missing."""
    values = {field: os.environ.get(variable) or _OPTIONAL.get(field) for field, variable in _VARIABLES.items()}
    missing = [_VARIABLES[field] for field, value in values.items() if value is None]
    if missing:
        raise MissingSettingError(f"The environment lacks {', '.join(missing)}; see docs/settings.md.")
    return Settings(**{field: value for field, value in values.items() if value is not None})
