"""A stage's data of an earlier time in a new stage: `make restore-stage STAGE=production AT=… INTO=restored`.

1. The database of that time is restored to a database without clients, of which a snapshot is taken. That database is
   deleted in any case.
2. The new stage is deployed from the snapshot, with the former key, and paused: no queue is read, no repair runs.
3. Each object that a document of the restored database refers to is copied, in the version that it refers to. The
   journal has the key up to which that is done.
4. The pause ends, and the first requests are sent.

The same command goes on from there. It never changes the stage that it reads, and never one that it did not begin.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.ops.updates import deploying, stacks
from chalicelib.ops.updates.clouds import DeployError, Progress
from infra import package, preflight, stages
from infra.cloud import Cloud
from infra.former_database import FormerDatabase
from infra.stage_data import documents_bucket, has_bucket
from infra.stages import APPLICATION, Stage, Values

_AMOUNT = 500  # documents at a time; an answer of a function has 6 MB at most
_AT_ONCE = 8
_NOT_THERE = ("NoSuchKey", "NoSuchVersion", "404")
_WRITTEN = "# Written by `make restore-stage`."
# What a second stage cannot have too, and what the new one gets another value of.
_OWN = {"Stage", "ArtefactBucket", "LibrariesKey", "FunctionKey", "Paused", "SnapshotIdentifier", "MasterKeyArn"}
_OWN |= {"DomainName", "HostedZoneId", "CertificateArn"}


@dataclass
class Journal:
    """How far a restore has come, in the artefact bucket: `restores/<into>.json`."""

    source: str
    at: str
    after: str = ""
    objects: int = 0
    missing: int = 0
    is_copied: bool = False
    is_done: bool = False


@dataclass(frozen=True)
class Restore:
    """Which stage is restored, to which time, and the name of the new stage."""

    source: str
    at: datetime
    into: str

    @property
    def label(self) -> str:
        """Names the snapshot, and the database that it is taken of."""
        return f"alcove-{self.into}-from-{self.at:%Y%m%dt%H%M%Sz}"


def parse_time(text: str) -> datetime:
    """A time with its zone, such as 2026-11-30T12:00:00Z. DeployError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise DeployError(f"{text!r} is no time with a zone. Write it like 2026-11-30T12:00:00Z.")
    if at > datetime.now(UTC):
        raise DeployError(f"{text} is in the future.")
    return at.astimezone(UTC)


def restored_stage(cloud: Cloud, restore: Restore, overrides: list[str]) -> Stage:
    """The new stage: the parameters of the one that stands, but for what only one stage can have. DeployError."""
    stage = stages.read(restore.source, [])
    if not stages.NAME.fullmatch(restore.into) or restore.into == restore.source:
        raise DeployError(f"{restore.into!r} cannot be the new stage's name: another one, of small letters and digits.")
    if not stacks.stands(cloud, stage.stack(APPLICATION)):
        raise DeployError(f"{stage.stack(APPLICATION)} does not stand: there is nothing to restore from.")
    paths = stages.template_paths() | {APPLICATION: package.ROOT / "infra" / "template.yaml"}
    standing = {part: stage.stack(part) for part in stages.PARTS if stacks.stands(cloud, stage.stack(part))}
    outputs = {part: stacks.outputs(cloud, stack).keys() for part, stack in standing.items()}
    for part, stack in standing.items():
        handed = {name for other, names in outputs.items() if other != part for name in names}
        defaults = stages.defaults_of(paths[part])
        present = stacks.parameters(cloud, stack)
        chosen = {name: value for name, value in present.items() if value != defaults.get(name)}
        stage.parts[part] = {name: value for name, value in chosen.items() if name not in _OWN | handed}
    stage.parts = {part: stage.parts[part] for part in standing}
    stage.parts[APPLICATION]["MasterKeyArn"] = _master_key(cloud, stage.stack(APPLICATION))
    for override in overrides:
        match = re.fullmatch(r"(\w+)\.(\w+)=(.*)", override, re.DOTALL)
        if match is None or match[1] not in stages.PARTS:
            raise DeployError(f"{override!r} is not of the form part.Parameter=value, such as edge.Waf=true.")
        stage.parts.setdefault(match[1], {})[match[2]] = match[3]
    if "database" not in stage.parts and not any(f"{APPLICATION}.Database" in override for override in overrides):
        raise DeployError(
            "The database is not part of the stage. Restore it yourself, and name it with "
            'PARAMETERS="application.DatabaseSecretArn=… application.OwnerSecretArn=…".'
        )
    stage.name = restore.into
    return stage


def _master_key(cloud: Cloud, stack: str) -> str:
    former = stacks.parameters(cloud, stack).get("MasterKeyArn")
    if former:
        return former
    described = cloud.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="MasterKey")
    key = described["StackResourceDetail"]["PhysicalResourceId"]
    return cloud.keys.describe_key(KeyId=key)["KeyMetadata"]["Arn"]


def run(
    cloud: Cloud,
    restore: Restore,
    stage: Stage,
    built: package.Package,
    progress: Progress,
    *,
    paused: bool = False,
    directory: Path = stages.STAGES,
) -> Journal:
    """Restore into the new stage, or go on with it; returns what was copied. DeployError.

    With `paused` the new stage stays paused: nothing is ingested, synced, repaired or sent until it is deployed with
    `Paused` false. The new stage's own file is written into `directory`.
    """
    file = directory / f"{stage.name}.toml"
    journal = _journal_of(cloud, restore, stage, file)
    if "database" in stage.parts:
        stage.parts["database"]["SnapshotIdentifier"] = FormerDatabase(cloud, restore).snapshot(progress)
    # A time that RDS refuses has begun nothing: the name is free for another one.
    _write_file(stage, file)
    _store(cloud, restore, journal)
    stage.parts[APPLICATION]["Paused"] = "false" if journal.is_copied and not paused else "true"

    def prepare(outputs: Values, template: str) -> None:
        if not journal.is_copied:
            with progress.step("objects") as details_of_step:
                copy_objects(cloud, restore, journal, outputs["MigrateFunctionName"])
                details_of_step(f"{journal.objects} copied, {journal.missing} are in the bucket no longer")
        if not paused:
            stage.parts[APPLICATION]["Paused"] = "false"
            stacks.bring(cloud, stage.stack(APPLICATION), template, {"Paused": "false"}, progress, stage.agreed)

    stages.up(cloud, stage, built, progress, prepare)
    journal.is_done = True
    _store(cloud, restore, journal)
    return journal


def _key(restore: Restore) -> str:
    return f"restores/{restore.into}.json"


def _store(cloud: Cloud, restore: Restore, journal: Journal) -> None:
    body = json.dumps(asdict(journal)).encode()
    cloud.s3.put_object(Bucket=cloud.artefact_bucket, Key=_key(restore), Body=body)


def _journal_of(cloud: Cloud, restore: Restore, stage: Stage, file: Path) -> Journal:
    """The journal of this restore, new when it begins. DeployError when the new stage is anything else."""
    own = Journal(restore.source, restore.at.isoformat())
    try:
        stored = cloud.s3.get_object(Bucket=cloud.artefact_bucket, Key=_key(restore))["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
            raise
        there = [stage.stack(part) for part in stages.PARTS if stacks.stack_status(cloud, stage.stack(part))]
        bucket = documents_bucket(cloud, restore.into)
        there += [f"the bucket {bucket}"] if has_bucket(cloud, bucket) else []
        there += [str(file)] if file.exists() and not file.read_text("utf-8").startswith(_WRITTEN) else []
        if there:
            raise DeployError(f"{restore.into} exists: {', '.join(there)}. Choose a name that no stage has.") from None
        return own
    journal = Journal(**json.loads(stored))
    if (journal.source, journal.at) != (own.source, own.at):
        raise DeployError(
            f"{restore.into} is a restore of {journal.source} to {journal.at}. Choose another name, or delete it "
            f"first: make destroy STAGE={restore.into} DATA=delete"
        )
    if journal.is_done:
        raise DeployError(f"{restore.into} was restored already. Deploy it with make deploy STAGE={restore.into}.")
    return journal


def _write_file(stage: Stage, path: Path) -> None:
    """The stage's file, for its deployments. One of an earlier restore names another snapshot, so it is replaced."""
    besides = {"Architecture": stage.architecture} if stage.architecture != Stage.architecture else {}
    besides |= {"Embeddings": stage.embeddings} if stage.embeddings else {}
    lines = [_WRITTEN]
    for part, values in stage.parts.items():
        every = {name: value for name, value in values.items() if name != "Paused"}
        every |= besides if part == APPLICATION else {}
        lines += ["", f"[{part}]", *(f"{name} = {json.dumps(value)}" for name, value in every.items())]
    if stage.tags:
        lines += ["", "[tags]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in stage.tags.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def copy_objects(cloud: Cloud, restore: Restore, journal: Journal, function: str) -> None:
    """Copy each document's object, and have the documents refer to the versions that the new bucket gave them."""
    source, target = (documents_bucket(cloud, name) for name in (restore.source, restore.into))
    while True:
        event = {"restoring": {"after": journal.after, "amount": _AMOUNT}}
        references = deploying.migrate(cloud, function, event)["objects"]
        if not references:
            break
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            copies = list(pool.map(lambda item: _copy(cloud, source, target, restore.at, *item), references))
        results = [(key, before, now) for (key, before), now in zip(references, copies, strict=True)]
        versions = [result for result in results if result[1] and result[2]]
        deploying.migrate(cloud, function, {"restoring": {"versions": versions}})
        journal.objects += sum(now is not None for _, _, now in results)
        journal.missing += sum(now is None and before is not None for _, before, now in results)
        journal.after = references[-1][0]
        _store(cloud, restore, journal)
    journal.is_copied = True
    _store(cloud, restore, journal)


def _copy(cloud: Cloud, source: str, target: str, at: datetime, key: str, version: str | None) -> str | None:
    """Copy one object; returns its version in the new bucket, None for one that the former bucket has no longer."""
    chosen_version = version or _version_at(cloud, source, key, at)
    if chosen_version is None:
        return None
    origin: Any = {"Bucket": source, "Key": key, "VersionId": chosen_version}
    try:
        return cloud.s3.copy_object(Bucket=target, Key=key, CopySource=origin)["VersionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_THERE:
            raise
    try:  # the process was killed between the database's commit and the journal: it is copied already
        return cloud.s3.head_object(Bucket=target, Key=key, VersionId=chosen_version)["VersionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_THERE:
            raise
        return None


def _version_at(cloud: Cloud, bucket: str, key: str, at: datetime) -> str | None:
    """The version of an object that was current at a time: of a file that was not ingested yet."""
    listed = cloud.s3.list_object_versions(Bucket=bucket, Prefix=key)
    versions = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
    before = [entry for entry in versions if entry["Key"] == key and entry["LastModified"] <= at]
    current: Any = max(before, key=lambda entry: entry["LastModified"], default=None)
    return current["VersionId"] if current is not None and "Size" in current else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.stage_restoring", description=__doc__)
    parser.add_argument("--stage", required=True, help="the stage whose data is restored")
    parser.add_argument("--at", required=True, help="the time, such as 2026-11-30T12:00:00Z")
    parser.add_argument("--into", required=True, help="the new stage's name")
    parser.add_argument("--set", action="append", default=[], metavar="PART.PARAMETER=VALUE", dest="overrides")
    parser.add_argument("--yes", action="store_true", help="apply changes without asking")
    parser.add_argument("--paused", action="store_true", help="leave the new stage paused")
    return parser.parse_args()


def main() -> None:
    """Restore a stage into a new one, in the account of the environment's credentials."""
    arguments, progress = _arguments(), Progress()
    try:
        restore = Restore(arguments.stage, parse_time(arguments.at), arguments.into)
        session, endpoint_url = stages.open_session(), os.environ.get("AWS_ENDPOINT_URL")
        cloud = Cloud.connect(session)
        stage = restored_stage(cloud, restore, arguments.overrides)
        if not arguments.yes:
            stage.agreed = stages.ask
        if not endpoint_url:
            preflight.require(stages.plan_of(cloud, stage), preflight.clients_of(session), progress)
        os.environ["EMBEDDINGS"] = (stage.embeddings or "").replace(",", " ")
        with progress.step("package"):
            built = package.build(package.Target() if endpoint_url else package.aws(stage.architecture))
        journal = run(cloud, restore, stage, built, progress, paused=arguments.paused)
    except (package.PackageError, DeployError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
    print(f"\n  {arguments.into} has {arguments.stage} of {restore.at.isoformat()}: {journal.objects} objects")
    if journal.missing:
        print(f"  {journal.missing} documents have their text and no file: it was replaced or deleted since then")
    if "database" in stage.parts:
        print(f"  the snapshot {restore.label} stays until make destroy STAGE={arguments.into} DATA=delete")


if __name__ == "__main__":
    main()
