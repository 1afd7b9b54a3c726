"""`python -m infra.updates --file alcove-0.2.0.update --signer RW…` updates the stack of this machine, or a stage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import boto3

from chalicelib.ops.updates.applying import Update
from chalicelib.ops.updates.clouds import DeployError, Progress
from chalicelib.ops.updates.packages import PackageError
from infra.backups.archive import BackupError
from infra.cloud import Cloud
from infra.local import backups, stack
from infra.local.release import STAGE
from infra.package import STATE


def main() -> None:
    """Read the arguments and apply the package."""
    parser = argparse.ArgumentParser(prog="python -m infra.updates", description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="the signed package")
    parser.add_argument("--signer", action="append", required=True, help="a public key of minisign's; two at most")
    parser.add_argument("--stage", default=STAGE, help="the stage in an account; the stack of this machine by default")
    options = parser.parse_args()
    try:
        if options.stage == STAGE:
            cloud = stack.cloud_of(stack.load().endpoint_url)
            update = Update(cloud, STAGE, options.file, options.signer[:2], Progress())
            update.backup = lambda notes: backups.create(STATE, notes)
        else:
            update = Update(Cloud.connect(boto3.Session()), options.stage, options.file, options.signer[:2], Progress())
        print(f"  version {update.apply()} serves")
    except (PackageError, DeployError, BackupError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
