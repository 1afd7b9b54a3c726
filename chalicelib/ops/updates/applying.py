"""Apply a signed update package to a stage: verified whole, judged, backed up, deployed, tried out, or taken back.

| step | when it fails, or the process is killed there |
|---|---|
| verify the signature, the manifest and every digest; judge the version | nothing was changed |
| back up (on one machine) | nothing was changed |
| upload the files, each under its digest | nothing that serves was changed |
| migrate ahead with the new code | the former code serves; it runs on the migrated database |
| the change set: CloudFormation updates every function, or none | the former code serves |
| migrate, first requests, a real search | the former version is brought back |

A killed update is done again by the same command: each step finds what the one before did. No file keeps its state;
the stack's own parameters say which version serves.
"""

import hashlib
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.ops.updates import deploying, first_requests, stacks
from chalicelib.ops.updates.clouds import Cloud, DeployError, Progress
from chalicelib.ops.updates.packages import COMPONENTS, Manifest, PackageError, judge, unpack, verify

_KEYS = {"function.zip": "function", "libraries.zip": "libraries", "template.json": "template"}


@dataclass
class Update:
    """One application of a package, and what its history says so far."""

    cloud: Cloud
    stage: str
    package: Path
    signers: Sequence[str]
    progress: Progress
    initiated_by: str = "operator"
    backup: Callable[[str], Path] | None = None
    event: dict[str, Any] = field(default_factory=dict)
    file_id: str = field(default_factory=deploying.new_id)
    # How long the former version took to serve again, from the failure on; None when it did not have to.
    seconds_back: float | None = None

    @property
    def stack(self) -> str:
        """The application's stack."""
        return f"alcove-{self.stage}"

    def apply(self) -> str:
        """Apply the package; returns its version. Raises PackageError before anything is changed, DeployError after.

        After a DeployError the former version serves, or the sentence says that it does not.
        """
        outputs = stacks.outputs(self.cloud, self.stack)
        present = present_version(outputs["ApiUrl"])
        manifest = self._verified(present)
        former = self._former()
        self.event = {
            "id": deploying.new_id(),
            "version_from": present,
            "version_to": str(manifest.version),
            "status": "in_progress",
            "source": "upload",
            "initiated_by": self.initiated_by,
            "components_updated": list(COMPONENTS),
        }
        self._report(event=self.event)
        try:
            if self.backup is not None:
                with self.progress.step("backup") as details:
                    details(str(self.backup(f"before {manifest.version}")))
            keys = self._upload()
            self._bring(keys)
            self._try_out(outputs["ApiUrl"], str(manifest.version))
        except Exception as error:
            self._take_back(former, error)
            raise DeployError(f"Version {manifest.version} was not kept: {error}") from error
        self._finish(manifest, former, "completed")
        self._report(file=self._file(manifest=manifest, applied=True))
        return str(manifest.version)

    def _verified(self, present: str) -> Manifest:
        """The manifest of the package, if it may follow. What was refused is kept in the history. PackageError."""
        manifest = None
        try:
            with self.progress.step("verify") as details, self.package.open("rb") as source:
                manifest = verify(source, self.signers)
                judge(manifest, present)
                details(f"{present} to {manifest.version}")
        except PackageError as error:
            self._report(file=self._file(manifest=manifest, error=str(error)))
            raise
        self._report(file=self._file(manifest=manifest))
        return manifest

    def _file(self, manifest: Manifest | None, error: str | None = None, *, applied: bool = False) -> dict[str, Any]:
        with self.package.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        return {
            "id": self.file_id,
            "filename": self.package.name[:255],
            "file_path": str(self.package)[:1024],
            "checksum_sha256": f"\\x{digest}",
            "file_size_bytes": self.package.stat().st_size,
            "source": "upload",
            "signature_verified": manifest is not None,
            "manifest": manifest.document() if manifest else None,
            "validation_status": "invalid" if error else "valid",
            "validation_error": error,
            "applied": applied,
        }

    def _former(self) -> dict[str, str]:
        """The artefacts that serve now; the template is stored under its digest."""
        described = self.cloud.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0].get("Parameters", [])
        values = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in described}
        answer = self.cloud.cloudformation.get_template(StackName=self.stack, TemplateStage="Original")
        body: Any = answer["TemplateBody"]  # JSON that was parsed, or text: the stubs know one of the two
        text = body if isinstance(body, str) else json.dumps(body)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "template.json"
            path.write_text(text, "utf-8")
            template = deploying.upload_file(self.cloud, "template", path)
        return {"function": values["FunctionKey"], "libraries": values["LibrariesKey"], "template": template}

    def _upload(self) -> dict[str, str]:
        """Unpack the files to their fixed names in a folder of their own, and upload them."""
        keys = {}
        with self.progress.step("upload"), tempfile.TemporaryDirectory(prefix="alcove-update-") as folder:
            for name, key in _KEYS.items():
                path = Path(folder) / name
                with self.package.open("rb") as source, unpack(source, name) as contents, path.open("wb") as file:
                    while part := contents.read(1024 * 1024):
                        file.write(part)
                keys[key] = deploying.upload_file(self.cloud, key, path)
        return keys

    def _bring(self, keys: dict[str, str]) -> None:
        with self.progress.step("migrate ahead") as details:
            details(json.dumps(deploying.migrate_ahead(self.cloud, self.stage, keys)))
        self._deploy(keys)
        with self.progress.step("migrate") as details:
            details(json.dumps(self._migrate({})))

    def _deploy(self, keys: dict[str, str]) -> None:
        artefacts = {"FunctionKey": keys["function"], "LibrariesKey": keys["libraries"]}
        stacks.bring(self.cloud, self.stack, keys["template"], artefacts, self.progress)

    def _try_out(self, api_url: str, version: str) -> None:
        """First requests, the version that answers, and a real search. DeployError."""
        with self.progress.step("first requests") as details:
            function = stacks.outputs(self.cloud, self.stack)["MigrateFunctionName"]
            details(first_requests.send(self.cloud, function, api_url))
            if (answered := present_version(api_url)) != version:
                raise DeployError(f"The API says version {answered} instead of {version}.")
        with self.progress.step("search") as details:
            details(json.dumps(self._migrate({"smoke": "search"})))

    def _take_back(self, former: dict[str, str], error: Exception) -> None:
        """Bring the former version back, and record how that went. DeployError if it does not serve again."""
        rollback: dict[str, Any] = {"id": deploying.new_id(), "rollback_reason": str(error)[:2000]}
        rollback |= {"initiated_by": "update", "success": None}
        self.event |= {"error_message": str(error)[:2000]}
        started = time.monotonic()
        try:
            with self.progress.step("roll back"):
                self._deploy(former)
                self._restore_migrate(former)
                deploying.await_ready(stacks.outputs(self.cloud, self.stack)["ApiUrl"])
        except Exception as failure:
            self._report(event=self.event | {"status": "failed"}, rollback=rollback | _failure(failure))
            raise DeployError(f"{error} And the former version was not brought back: {failure}") from failure
        self.seconds_back = time.monotonic() - started
        self.progress.report(f"  the former version serves again after {self.seconds_back:.0f} s")
        self._report(event=self.event | {"status": "rolled_back"}, rollback=rollback | {"success": True})

    def _restore_migrate(self, former: dict[str, str]) -> None:
        """Migrating ahead changed this function outside of the stack, which therefore may not have changed it back."""
        function = stacks.outputs(self.cloud, self.stack)["MigrateFunctionName"]
        self.cloud.functions.update_function_code(
            FunctionName=function, S3Bucket=self.cloud.artefact_bucket, S3Key=former["function"]
        )
        self.cloud.functions.get_waiter("function_updated_v2").wait(FunctionName=function)

    def _finish(self, manifest: Manifest, former: dict[str, str], status: str) -> None:
        components = [
            {
                "component_name": name,
                "component_type": kind,
                "version_from": Path(former[_KEYS[name]]).stem[:12],
                "version_to": manifest.files[name].sha256[:12],
                "status": status,
            }
            for name, kind in COMPONENTS.items()
        ]
        self._report(event=self.event | {"status": status}, components=components)

    def _migrate(self, event: dict[str, Any]) -> dict[str, Any]:
        return deploying.migrate(self.cloud, stacks.outputs(self.cloud, self.stack)["MigrateFunctionName"], event)

    def _report(self, **document: Any) -> None:
        """Store a part of the history. A version that does not know how must not keep an update from going on."""
        with suppress(DeployError):
            self._migrate({"history": document})


def _failure(error: Exception) -> dict[str, Any]:
    return {"success": False, "error_message": str(error)[:2000]}


def present_version(api_url: str) -> str:
    """The version that serves at `api_url`. DeployError when it does not answer."""
    try:
        with urllib.request.urlopen(f"{api_url}/", timeout=30) as reply:
            return str(json.loads(reply.read(100_000))["version"])
    except (OSError, ValueError, KeyError) as error:
        raise DeployError(f"{api_url}/ does not say its version: {error}") from error
