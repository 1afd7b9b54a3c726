"""A whole account's deployment: `python -m infra.stages deploy|rollback|destroy --stage NAME`.

A stage is a file of `infra/stages/`: a table for each part that it has, with the parameters in which it differs from
the part's template. Each part is a stack; its outputs are handed to the parameters of the same name of those after it.
One module because deploying, rolling back and destroying go through the same parts.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.ops.updates import deploying, first_requests, stacks
from chalicelib.ops.updates.clouds import DeployError, Progress
from infra import artefacts, deploy, gateway_logs, image, package, preflight, stack_protection
from infra.cloud import Cloud
from infra.stage_data import StageData, delete_scratch, documents_bucket, has_bucket, unprotect
from infra.versions import Version, record, revision_of_checkout, versions

STAGES = package.ROOT / "infra" / "stages"
TEMPLATES = package.ROOT / "infra" / "account"
APPLICATION = "application"
# In the order in which they are made. These two every stage has, whether its file names them or not.
PARTS = ("network", "database", "embedder", APPLICATION, "edge", "monitoring")
_ALWAYS = {APPLICATION, "monitoring"}
_LOGIN = ("DatabaseAddress", "DatabaseResourceId", "DatabaseSecretArn", "OwnerSecretArn", "MasterSecretArn")
NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")

Values = dict[str, str]


@dataclass
class Stage:
    """A deployment: its name, the parameters of each of its parts, Lambda's name of its functions' processor, models.

    `embeddings` are the names of models of `models.CHOICES`; None leaves them to the environment. `tags` are those of
    its stacks besides its name, which CloudFormation gives to what is in them.
    """

    name: str
    parts: dict[str, Values]
    architecture: str = "x86_64"
    embeddings: str | None = None
    tags: Values = field(default_factory=dict)
    agreed: Callable[[], bool] = field(default=lambda: True)

    @property
    def stack_tags(self) -> Values:
        """The tags of each of its stacks, by which a bill can be divided."""
        return {"Application": "alcove", "Stage": self.name} | self.tags

    def stack(self, part: str) -> str:
        """Name of a part's stack."""
        return f"alcove-{self.name}" if part == APPLICATION else f"alcove-{self.name}-{part}"


def read(name: str, overrides: list[str], directory: Path = STAGES) -> Stage:
    """The stage of `directory`/`name`.toml, with `overrides` of the form `part.Parameter=value`. DeployError."""
    path = directory / f"{name}.toml"
    if not NAME.fullmatch(name):
        raise DeployError(f"{name!r} cannot be a stage's name: up to 16 small letters, digits and hyphens.")
    if not path.is_file():
        existing = ", ".join(sorted(other.stem for other in directory.glob("*.toml")))
        raise DeployError(f"{path} does not exist; there are {existing}. Copy one, and change what differs.")
    try:
        tables = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise DeployError(f"{path}: {error}") from error
    for override in overrides:
        match = re.fullmatch(r"(\w+)\.(\w+)=(.*)", override, re.DOTALL)
        if match is None:
            raise DeployError(f"{override!r} is not of the form part.Parameter=value, such as edge.Waf=true.")
        tables.setdefault(match[1], {})[match[2]] = match[3]
    tags = {key: _text(value) for key, value in tables.pop("tags", {}).items()}
    undeclared = sorted(tables.keys() - set(PARTS))
    if undeclared:
        raise DeployError(f"{path} names {', '.join(undeclared)}; a stage has {', '.join(PARTS)}.")
    stage_parts = {part: tables.get(part, {}) for part in PARTS if part in tables.keys() | _ALWAYS}
    parts = {part: {key: _text(value) for key, value in table.items()} for part, table in stage_parts.items()}
    # No parameters of the template: the package is built for them.
    architecture = parts[APPLICATION].pop("Architecture", Stage.architecture)
    embeddings = parts[APPLICATION].pop("Embeddings", Stage.embeddings)
    return Stage(name, parts, architecture, embeddings, tags)


def _text(value: Any) -> str:
    """A value as CloudFormation takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def up(
    cloud: Cloud,
    stage: Stage,
    built: package.Package,
    progress: Progress,
    prepare: Callable[[Values, str], None] | None = None,
) -> Values:
    """Deploy every part of the stage, migrate, and see that it answers; returns what the parts give.

    `prepare` is called with these and the application's template when everything stands, before the first requests,
    which a paused stage does not get.
    """
    with progress.step("upload"):
        keys = deploy.upload(cloud, built)
        templates = {part: deploying.upload_file(cloud, part, path) for part, path in template_paths().items()}
        _check_names(cloud, stage, templates | {APPLICATION: keys["template"]})
    # What one login has and the other lacks: stacks remember parameters.
    outputs: Values = dict.fromkeys(_LOGIN, "") if "database" in stage.parts else {}
    for part, chosen_values in stage.parts.items():
        if part == APPLICATION:
            outputs |= _application(cloud, stage, keys, outputs | chosen_values, progress)
        else:
            outputs |= _part(cloud, stage, part, templates[part], outputs, progress)
    if prepare is not None:
        prepare(outputs, keys["template"])
    if stage.parts[APPLICATION].get("Paused") != "true":
        # With a domain the API has no other address, and the edge comes after the application.
        _try_out(cloud, outputs, progress)
    _record(cloud, stage, keys, outputs)
    with progress.step("former packages") as details_of_step:
        details_of_step(_prune(cloud, stage))
    _mention_leftovers(cloud, stage, progress)
    return outputs


def _prune(cloud: Cloud, stage: Stage) -> str:
    """Delete what no stage can go back to; what may not be deleted does not fail a deployment that stands."""
    try:
        return "{} files and {} layers deleted".format(*artefacts.prune(cloud, stage.name))
    except (BotoCoreError, ClientError) as error:
        return f"not deleted: {error}"


def _check_names(cloud: Cloud, stage: Stage, templates: Values) -> None:
    """DeployError for a parameter that does not exist, before anything is changed."""
    for part, chosen_values in stage.parts.items():
        declared_names = stacks.declared(cloud, templates[part])
        undeclared = sorted(chosen_values.keys() - declared_names.keys())
        if undeclared:
            raise DeployError(
                f"{part} has no parameter {', '.join(undeclared)}; it has {', '.join(sorted(declared_names))}."
            )


def plan_of(cloud: Cloud, stage: Stage) -> preflight.Plan:
    """What is checked before anything is created."""
    paths = template_paths() | {APPLICATION: package.ROOT / "infra" / "template.yaml"}
    existing = frozenset(part for part in PARTS if stacks.stands(cloud, stage.stack(part)))
    # The stack remembers what was chosen on the command line before.
    chosen = {part: stacks.parameters(cloud, stage.stack(part)) | values for part, values in stage.parts.items()}
    defaults = {part: defaults_of(path) for part, path in paths.items()}
    return preflight.Plan(stage.name, chosen, defaults, existing, stage.architecture)


class _Template(yaml.SafeLoader):
    """CloudFormation's YAML, whose functions are of no interest here."""


_Template.add_multi_constructor("!", lambda *_: None)


def defaults_of(path: Path) -> Values:
    declared: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Template)["Parameters"]  # noqa: S506 — a SafeLoader
    return {name: str(item["Default"]) for name, item in declared.items() if "Default" in item}


def template_paths() -> dict[str, Path]:
    return {part: TEMPLATES / f"{part}.yaml" for part in PARTS if part != APPLICATION}


def _part(cloud: Cloud, stage: Stage, part: str, template: str, outputs: Values, progress: Progress) -> Values:
    """Bring one part's stack to its template."""
    declared_names = stacks.declared(cloud, template)
    outputs = outputs | {"ArtefactBucket": cloud.artefact_bucket}
    passed_values = {key: value for key, value in outputs.items() if key in declared_names}
    parameters = passed_values | {"Stage": stage.name} | stage.parts[part]
    done = stacks.bring(cloud, stage.stack(part), template, parameters, progress, stage.agreed, tags=stage.stack_tags)
    stack_protection.protect(cloud, part, stage.stack(part))
    if part == "database" and done.changed and stacks.stands(cloud, stage.stack(APPLICATION)):
        # Its secrets may have new passwords, which the roles learn from `migrate`.
        with progress.step("roles"):
            deploying.migrate(cloud, f"alcove-{stage.name}-migrate")
    if part == "embedder" and "BuildsImage" in done.outputs:
        image.ensure(cloud, stage.name, done.outputs["BuildsImage"], progress)
    return done.outputs


def _application(cloud: Cloud, stage: Stage, keys: Values, outputs: Values, progress: Progress) -> Values:
    """Migrate, bring the application's stack to its package, and see that it answers."""
    with progress.step("migrate ahead") as details_of_step:
        details_of_step(deploy.migrated(deploying.migrate_ahead(cloud, stage.name, keys)))
    declared_names = stacks.declared(cloud, keys["template"])
    # The edge comes after the application, and its domain is known before.
    known = outputs | {key: value for key, value in stage.parts.get("edge", {}).items() if key == "DomainName"}
    parameters = {key: value for key, value in known.items() if key in declared_names} | _artefacts(cloud, stage, keys)
    if _logs_access(cloud, stage, declared_names):
        gateway_logs.ensure(cloud, progress, stage.agreed)
    template = _adopting(cloud, stage, keys["template"])
    stack = stage.stack(APPLICATION)
    done = stacks.bring(cloud, stack, template, parameters, progress, stage.agreed, tags=stage.stack_tags)
    stack_protection.protect(cloud, APPLICATION, stack)
    if done.changed and "EndpointUrl" not in stage.parts[APPLICATION]:
        # Who may call the API, and where, are properties of a deployment of API Gateway. SAM makes one when routes
        # change, and not when a parameter does.
        cloud.gateways.create_deployment(restApiId=done.outputs["RestApiId"], stageName="v1")
    with progress.step("migrate") as details_of_step:
        details_of_step(deploy.migrated(deploying.migrate(cloud, done.outputs["MigrateFunctionName"])))
    return done.outputs


def _logs_access(cloud: Cloud, stage: Stage, declared_names: Iterable[str]) -> bool:
    """Whether API Gateway will log the requests of this stage: by what is chosen, or was before."""
    values = stacks.parameters(cloud, stage.stack(APPLICATION)) | stage.parts[APPLICATION]
    is_emulated = bool(values.get("EndpointUrl"))
    return "AccessLogs" in declared_names and values.get("AccessLogs", "true") == "true" and not is_emulated


def _record(cloud: Cloud, stage: Stage, keys: Values, outputs: Values) -> None:
    """Store which version serves, for a roll back and for the history."""
    past = versions(cloud, stage.name)
    if past and past[-1].keys == keys:
        return
    deployed_at = datetime.now(UTC).isoformat(timespec="seconds")
    record(cloud, stage.name, [*past, Version(keys, deployed_at, revision_of_checkout())])
    former = past[-1].keys if past else {}
    deploying.migrate(cloud, outputs["MigrateFunctionName"], {"history": deploying.history(keys, former)})


def _adopting(cloud: Cloud, stage: Stage, template: str) -> str:
    """The template with which a stage that was destroyed takes up its documents; otherwise the given one.

    CloudFormation imports what exists and is to be retained only where its name stands there word for word.
    """
    bucket = documents_bucket(cloud, stage.name)
    if stacks.stands(cloud, stage.stack(APPLICATION)) or not has_bucket(cloud, bucket):
        return template
    stored_template = json.loads(cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=template)["Body"].read())
    stored_template["Resources"]["DocumentsBucket"]["Properties"]["BucketName"] = bucket
    key = f"adopting/{stage.name}.json"
    cloud.s3.put_object(Bucket=cloud.artefact_bucket, Key=key, Body=json.dumps(stored_template).encode())
    return key


def _artefacts(cloud: Cloud, stage: Stage, keys: Values) -> Values:
    return {
        "Stage": stage.name,
        "ArtefactBucket": cloud.artefact_bucket,
        "LibrariesKey": keys["libraries"],
        "FunctionKey": keys["function"],
    }


def _try_out(cloud: Cloud, outputs: Values, progress: Progress) -> None:
    if "PrivateApi" in outputs:
        progress.report("  the API is private: its first requests come from its network")
        return
    host = urlsplit(outputs["ApiUrl"]).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        if "DomainTarget" not in outputs:
            raise DeployError(f"{host} cannot be resolved.") from None
        progress.report(f"  {host} leads nowhere yet: point it to {outputs['DomainTarget']}, and deploy again")
        return
    with progress.step("first requests") as details_of_step:
        details_of_step(first_requests.send(cloud, outputs["MigrateFunctionName"], outputs["ApiUrl"]))


def _mention_leftovers(cloud: Cloud, stage: Stage, progress: Progress) -> None:
    for part in PARTS:
        if part not in stage.parts and stacks.stands(cloud, stage.stack(part)):
            progress.report(
                f"  {stage.stack(part)} stands, and the stage's file no longer names it: it is left as it is."
            )


def roll_back(cloud: Cloud, stage: Stage, progress: Progress) -> Version:
    """Bring the application back to the version before; the database stays as it is, because former code runs on it.

    Parameters and the other parts stay. DeployError when no former version is known.
    """
    past = versions(cloud, stage.name)
    if len(past) < 2:
        raise DeployError(f"No version of {stage.name} before the one that runs is known.")
    former = past[-2]
    progress.report(f"  back to {former.revision or 'a version'} of {former.at}")
    declared_names = stacks.declared(cloud, former.keys["template"])
    artefacts = {key: value for key, value in _artefacts(cloud, stage, former.keys).items() if key in declared_names}
    done = stacks.bring(cloud, stage.stack(APPLICATION), former.keys["template"], artefacts, progress, stage.agreed)
    _try_out(cloud, done.outputs, progress)
    record(cloud, stage.name, past[:-1])
    return former


def down(cloud: Cloud, stage: Stage, progress: Progress, *, data: bool = False) -> list[str]:
    """Delete every stack of the stage, the last one first; returns the data that remains, a line each.

    Documents, the master key and a snapshot of the database remain, unless `data` is true.
    """
    remaining = StageData(cloud, stage.name)
    unprotect(cloud, stage.name)
    for part in reversed(PARTS):
        if part == "database":  # the function that would delete it is gone
            delete_scratch(cloud, stage.name)
        with progress.step(f"delete {part}"):
            stack_protection.release(cloud, stage.stack(part))
            stacks.delete(cloud, stage.stack(part))
    for kind in ("deployments", "restores", "drills"):
        cloud.s3.delete_object(Bucket=cloud.artefact_bucket, Key=f"{kind}/{stage.name}.json")
    if data:
        with progress.step("delete data"):
            remaining.delete()
        return []
    return remaining.describe()


def ask() -> bool:
    """Whether the user at the terminal accepts the changes. Raises DeployError without a terminal."""
    if not sys.stdin.isatty():
        raise DeployError("Changes must be confirmed at a terminal. Set YES=1 to apply them without confirmation.")
    return input("  Apply these changes? [y/N] ").strip().lower() in ("y", "yes")


def open_session() -> boto3.Session:
    """The environment's credentials and region. Raises DeployError when either is missing."""
    session = boto3.Session()
    if session.region_name is None:
        raise DeployError("No region is set. Set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile that has a region.")
    if session.get_credentials() is None:
        raise DeployError("No credentials are set. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    return session


def _confirm(name: str, confirmation: str | None) -> None:
    """DeployError unless the user has typed the stage's name."""
    if confirmation is None and sys.stdin.isatty():
        confirmation = input(f"  This deletes the service of stage {name}. Type its name to go on: ")
    if confirmation != name:
        raise DeployError(f"Nothing was deleted. To destroy {name}, type its name or pass CONFIRM={name}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.stages", description=__doc__)
    parser.add_argument("action", choices=("deploy", "rollback", "destroy", "unlock"))
    parser.add_argument("--stage", required=True, help="a file of infra/stages, without its .toml")
    parser.add_argument("--set", action="append", default=[], metavar="PART.PARAMETER=VALUE", dest="overrides")
    parser.add_argument("--yes", action="store_true", help="apply changes without asking")
    parser.add_argument("--confirm", help="destroy: the stage's name, instead of typing it")
    parser.add_argument("--account", default="", help="unlock: the e-mail address or username")
    parser.add_argument("--data", action="store_true", help="destroy: documents, key and snapshots as well")
    return parser.parse_args()


def main() -> None:
    """Deploy, roll back or destroy a stage, or unlock a user of it, in the account of the environment's credentials."""
    arguments = _arguments()
    progress = Progress()
    try:
        if arguments.action == "unlock":
            deploy.unlock(Cloud.connect(open_session()), arguments.stage, arguments.account)
            print(f"  {arguments.account} can log in again")
            return
        stage = read(arguments.stage, arguments.overrides)
        if not arguments.yes:
            stage.agreed = ask
        endpoint_url = os.environ.get("AWS_ENDPOINT_URL")
        session = open_session()
        if arguments.action == "deploy":
            cloud = Cloud.connect(session)
            if endpoint_url:
                stage.parts[APPLICATION]["EndpointUrl"] = endpoint_url
            else:
                preflight.require(plan_of(cloud, stage), preflight.clients_of(session), progress)
            if stage.embeddings is not None:
                os.environ["EMBEDDINGS"] = stage.embeddings.replace(",", " ")
            # The models that this machine's own stack remembers are not the stage's.
            os.environ.setdefault("EMBEDDINGS", "")
            with progress.step("package"):
                # An emulator runs functions with an interpreter of this machine.
                built = package.build(package.Target() if endpoint_url else package.aws(stage.architecture))
            outputs = up(cloud, stage, built, progress)
            print(f"\n  {outputs.get('DomainUrl', outputs['ApiUrl'])}")
            print(f"  administrator: secret {outputs['AdministratorSecretArn']}")
        elif arguments.action == "rollback":
            roll_back(Cloud.connect(session), stage, progress)
        else:
            _confirm(stage.name, arguments.confirm)
            remaining = down(Cloud.connect(session), stage, progress, data=arguments.data)
            print("\n".join(["", *(f"  kept: {line}" for line in remaining or ["nothing of its data"])]))
    except (package.PackageError, DeployError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
