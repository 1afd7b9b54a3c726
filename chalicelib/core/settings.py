"""The variables of the environment, read on first use and never at import. No other module reads the environment."""

import os
from dataclasses import MISSING, dataclass, field, fields

from chalicelib.core import process


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One function's environment: the variable of a field is `ALCOVE_` and the field's name in capital letters.

    A field with a default is optional. docs/settings.md describes each variable, and infra/template.yaml sets it.
    """

    stage: str
    bucket: str
    ingest_queue_url: str
    ingest_dead_letter_url: str
    answer_queue_url: str
    answer_dead_letter_url: str
    sync_queue_url: str
    # `true` where functions leave their network by IPv6.
    dual_stack: str = "false"
    # Without it `tick` runs the repairs each minute.
    tick_queue_url: str = ""
    # Without it the application logs in by IAM, at the address `host:port/dbname`.
    database_secret: str = ""
    database_address: str = ""
    database_host: str = ""
    # How long a function waits for a database that is waking.
    database_wait_seconds: str = "8"
    signing_secret: str
    # Only migrate has the logins of the owner and the master user; without their secrets they log in by IAM, too.
    owner_secret: str = ""
    master_secret: str = ""
    administrator_secret: str = ""
    # `true` or `false`: whether strangers may register, until an administrator decides.
    registration_open: str = "false"
    master_key: str = ""
    # Without its secret a login provider is off.
    oidc_secret: str = ""
    github_secret: str = ""
    # How long a replaced file is kept: as long as the database can be restored to its time.
    former_version_days: str = "0"
    # `true` or `false`: whether a document is deleted with its object under inbox/.
    inbox_deletions: str = "false"
    # Without its secret no e-mail is sent.
    mail_secret: str = ""
    # Without it no update can be uploaded.
    updates_bucket: str = ""
    # Of update and drill: the bucket of packages, which also has the journal of the drills.
    artefact_bucket: str = ""
    # Of update alone: the public keys of those who may sign, and CloudFormation's role.
    signers: str = ""
    stack_role: str = ""
    # How many days are between two drills of the backups; 0 for drills on demand alone.
    drill_days: str = "0"
    # `true` where CloudWatch knows this deployment: in an account.
    cloud_metrics: str = "false"
    # What CloudWatch has the stage's database as: `aurora`, `rds`, or `none` for one that is not the stage's.
    database_engine: str = "none"
    embedder_queue: str = ""
    embedder_job: str = ""
    # Origins whose pages may read responses, with commas between; `*` for all.
    allowed_origins: str = ""
    log_level: str = field(default="INFO", metadata={"variable": "LOG_LEVEL"})


class MissingSettingError(RuntimeError):
    """A required variable of the environment is missing: the deployment is wrong."""


def variables() -> dict[str, bool]:
    """Every variable of the environment, and whether it is required."""
    return {variable(name): is_required for name, is_required in _required().items()}


@process.cached
def settings() -> Settings:
    """This process's settings. Raises MissingSettingError, which names the missing variables."""
    values = {name: os.environ.get(variable(name)) for name in _required()}
    missing = [variable(name) for name, is_required in _required().items() if is_required and not values[name]]
    if missing:
        raise MissingSettingError(f"The environment lacks {', '.join(missing)}; see docs/settings.md.")
    return Settings(**{name: value for name, value in values.items() if value})


def leaves_by_ipv6() -> bool:
    """Whether AWS's services are called at addresses with IPv6 (`dual_stack`); clients exist without other settings."""
    return os.environ.get(variable("dual_stack")) == "true"


def _required() -> dict[str, bool]:
    return {item.name: item.default is MISSING for item in fields(Settings)}


def variable(name: str) -> str:
    """The variable of the environment that gives the field `name` its value."""
    value: str = Settings.__dataclass_fields__[name].metadata.get("variable", f"ALCOVE_{name.upper()}")
    return value
