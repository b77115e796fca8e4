"""Where databases archive to, and where they come from: a folder for each incarnation of the environment.

A database that is recovered must not archive into the folder it is recovered from: operators refuse that
("Expected empty archive"), and rightly so. So every environment that is made anew gets a folder of its own,
looked at before anything is made; a rebuild names the backup's folder as the source. Manifests read both from
SSM, below the prefix.
"""

from __future__ import annotations

from dataclasses import replace

from bootstrap.aws import environments, ssm
from bootstrap.aws.api import Api
from bootstrap.aws.environments import Lifetime
from bootstrap.config.model import Environment
from bootstrap.core.errors import PreflightError, Problem
from bootstrap.recovery.vault import archives
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.restore import Rebuilding

TARGET, SOURCE = "database/archive", "database/source"  # s3://bucket/folder
NONE = "none"  # SSM takes no empty value


def place(config: Environment, now: float) -> str:
    """A folder that nobody has used, as bucket/folder; empty where nothing is archived. Pure."""
    moment = environments.stamp(now).replace("-", "").replace(":", "")
    return f"{archives(config)}/{moment}" if config.archive else ""


def run(context: Context) -> Done:
    """Publish both folders. Raises PreflightError when the new one is not empty, or the old one is."""
    record = context.results.get(Lifetime).record
    if not record.archive:
        return Done("the databases archive nowhere", changed=False)
    backup = context.results.find(Rebuilding)
    source = backup.manifest.archive if backup else ""
    prefix, api = context.config.ssm_prefix, Api(context.target.client("ssm"))
    names = {f"{prefix}/{TARGET}": f"s3://{record.archive}"}
    known = ssm.read(api, [*names, f"{prefix}/{SOURCE}"])
    if known.keys() & names.keys():
        return Done(f"s3://{record.archive}", changed=False)  # the databases may be at work there
    if problems := _problems(context, record.archive, source):
        raise PreflightError("the databases cannot archive; no machine was made", problems)
    names[f"{prefix}/{SOURCE}"] = f"s3://{source}" if source else NONE
    for name in sorted(names, reverse=True):  # that of the archive last: with it all is published
        api.call("put_parameter", Name=name, Value=names[name], Type="String", Overwrite=True)
        tags = ssm.pairs(context.config.tags)
        api.call("add_tags_to_resource", ResourceType="Parameter", ResourceId=name, Tags=tags)
    return Done(f"s3://{record.archive}" + (f", from s3://{source}" if source else ""))


def _problems(context: Context, target: str, source: str) -> list[Problem]:
    s3, named = context.target.connect("s3"), context.config.archive
    if named and named.bucket_owner:
        s3 = replace(s3, owner=named.bucket_owner)
    found = []
    if not _empty(s3, target):
        cure = "bootstrap down, which forgets it; the next `up` takes a new one"
        found.append(Problem(f"s3://{target}", "the archive of the new databases is not empty", cure))
    if source and _empty(s3, source):
        cure = "restore another backup, or take `archive` out of the configuration"
        found.append(Problem(f"s3://{source}", "the databases' archive of the backup is empty", cure))
    return found


def _empty(s3: Api, place: str) -> bool:
    bucket, _, folder = place.partition("/")
    found = s3.call("list_objects_v2", Bucket=bucket, Prefix=f"{folder}/", MaxKeys=1)
    return not found.get("Contents")
