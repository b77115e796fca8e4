"""The local platform: real Kubernetes, Argo CD, ESO and Terraform; AWS, machines and pods are simulated."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bootstrap.checks.model import Check, Probe
from bootstrap.checks.ports import holder, judge_holder
from bootstrap.config.model import REMOVE, Environment
from bootstrap.core.errors import PermanentError
from bootstrap.core.git import Git
from bootstrap.core.rendering import Outside, Rendering, Tools
from bootstrap.gitops.model import Tree
from bootstrap.local.aws import account, override
from bootstrap.local.faults.cluster import InjectedFaults
from bootstrap.local.faults.fault import Rehearsal, choose, load
from bootstrap.local.faults.overlay import injected_faults, read_overlay
from bootstrap.local.machines.etcd import Etcd
from bootstrap.local.pki.cluster import Pki
from bootstrap.local.platform import Platform
from bootstrap.local.state.credentials import Credentials
from bootstrap.local.toolchain import Toolchain, checks
from bootstrap.local.upstream import journal
from bootstrap.recovery.etcd import Wait
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store
from bootstrap.run.context import Context
from bootstrap.run.step import Done, Step
from bootstrap.run.target import MachineCommands, Part, Shown, Target, TerraformSettings
from bootstrap.targets.base import Phases

STATUS = "bootstrap status --environment {environment}"  # nobody can log in to a simulated machine
BUILD_DEADLINE = 3600.0  # seconds; about 12 min on 2 cores


def build(config: Environment, faults: tuple[str, ...] = ()) -> tuple[Target, Phases]:
    """Raises UsageError if a fault is unknown, or needs a node that the configuration lacks."""
    toolchain = Toolchain.locate(config.home)
    platform = Platform.locate(config, toolchain)
    stay = _Stay(config, toolchain, platform, faults=tuple(map(choose, faults)))
    return _target(config, stay), _phases(stay, injected_faults(stay.faults, config))


def _target(config: Environment, stay: _Stay) -> Target:
    toolchain, platform = stay.toolchain, stay.platform
    url, backups = platform.site.url("aws"), account.folder_of(config)
    credentials = platform.site.credentials
    return Target(
        name="local",
        tools=Tools(toolchain.path("terraform"), toolchain.path("helm"), toolchain.path("kustomize")),
        client=_clients(url, config.region, credentials),
        revision=stay.revision,
        tool_environment=platform.site.upstream_environment,
        rendering=_rendering(config, platform),
        terraform=TerraformSettings(
            environment={
                **override.environment(url, config.region, credentials),
                "TF_CLI_CONFIG_FILE": str(toolchain.terraform_cli_config),
            },
            override=override.override(url, credentials),
            backend=override.backend(),
            keep_state_bucket=False,
        ),
        shown=Shown(
            parts=stay.parts,
            probes=(*checks.probes(toolchain), Probe("ports", stay.look_at_ports)),
            faults={fault.name: fault.summary for fault in load()},
            notices=stay.notices,
            sources=lambda: journal.read(platform.upstream.served),
            machine=MachineCommands(STATUS, STATUS),
        ),
        exists=platform.site.layout.root.exists,
        delivers_checkout=True,
        backup_copy=backups / account.COPY,
        backup_key=backups / "key",
    )


def _phases(stay: _Stay, injected: InjectedFaults) -> Phases:
    names = ", ".join(each.fault.name for each in stay.faults)
    # The files that a fault adds depend on the tree: on the root's form, and on the wave of ESO.
    ready = ("toolchain", "tree") if stay.faults else ("toolchain",)
    return Phases(
        before=(
            Step("toolchain", "Build or find the toolchain", stay.toolchain_step, deadline=BUILD_DEADLINE),
            Step("platform", "Start the local platform", stay.platform_step, ready, attempts=1),
        ),
        tools_from=("toolchain",),
        during=(
            (Step("inject-faults", f"Inject the faults: {names}", stay.inject_step, ("root-app",)),)
            if injected != InjectedFaults()
            else ()
        ),
        wake=(Step("platform", "Restart the local platform", stay.wake_step, attempts=1),),
        after=(Step("dispose", "Stop the local platform", stay.dispose_step, attempts=2),),
        snapshot=stay.snapshot,
        backed_up=(Step("keep-backups", "Keep a copy beside the platform", stay.keep_backups_step),),
    )


@dataclass
class _Stay:
    """A platform while a command uses it. `changed` are the paths with uncommitted changes."""

    config: Environment
    toolchain: Toolchain
    platform: Platform
    faults: tuple[Rehearsal, ...] = ()
    changed: tuple[str, ...] = ()

    # -- steps ---------------------------------------------------------------------------------------

    def toolchain_step(self, context: Context) -> Done:
        missing = self.toolchain.missing()
        self.toolchain.ensure(context.progress, context.cancel)
        built = f"made {', '.join(missing)}" if missing else f"all parts found in {self.toolchain.cache}"
        return Done(built, changed=bool(missing))

    def platform_step(self, context: Context) -> Done:
        from bootstrap.local.upstream.publication import publish  # noqa: PLC0415 - only `up` needs it

        platform = replace(self.platform, clock=context.clock)
        # Faults are injected only once the root Application exists.
        platform.site.layout.injected_faults.unlink(missing_ok=True)
        started = platform.start(context.progress, context.cancel)
        site = platform.site
        client = _clients(site.url("aws"), self.config.region, site.credentials)
        account.furnish(client("route53"), self.config.domain)
        account.Backups(self.config, client("s3"), client("sts")).bring()
        gitops = self.config.gitops
        overlay = read_overlay(self.faults, self.config, context.results.get(Tree)) if self.faults else {}
        publication = publish(
            gitops.checkout,
            platform.upstream.state,
            gitops.repo_url,
            gitops.revision,
            overlay,
            hidden=_secret_files(self.config),
        )
        self.changed = publication.changed
        return Done(
            f"{platform.site.url('aws')} is AWS, commit {publication.commit[:10]} is {gitops.revision}",
            changed=started,
        )

    def inject_step(self, _context: Context) -> Done:
        """Hand the faults that manifests cannot cause to the simulator."""
        injected_faults(self.faults, self.config).write(self.platform.site.layout.injected_faults)
        return Done("injected")

    def wake_step(self, context: Context) -> Done:
        """Restart the platform; down needs its AWS API."""
        # Argo CD needs its permissions to delete things.
        self.platform.site.layout.injected_faults.unlink(missing_ok=True)
        started = replace(self.platform, clock=context.clock).start(context.progress, context.cancel)
        return Done(f"{self.platform.site.url('aws')} is AWS", changed=started)

    def dispose_step(self, context: Context) -> Done:
        there = self.platform.site.layout.root.exists()
        replace(self.platform, clock=context.clock).stop(context.progress)
        if self.config.teardown.backups == REMOVE:
            shutil.rmtree(account.folder_of(self.config), ignore_errors=True)
        return Done("its processes and files are gone", changed=there)

    def keep_backups_step(self, context: Context) -> Done:
        backups = account.Backups(self.config, context.target.client("s3"), context.target.client("sts"))
        return Done(f"{backups.keep()} objects in {backups.folder}")

    # -- what the pipeline asks ----------------------------------------------------------------------

    def snapshot(self, _store: Store, _backup: str, into: Path, _wait: Wait) -> EtcdStatus:
        site = self.platform.site
        return Etcd(site, Pki(site.layout.control_plane / "pki", site.url("kube-apiserver", "https"))).save(
            into
        )

    def revision(self) -> str:
        """The commit that the cluster follows. Raises PermanentError before the first `up`."""
        from bootstrap.local.upstream.publication import REPOSITORY  # noqa: PLC0415 - as above

        repository = self.platform.upstream.state / REPOSITORY
        if not repository.is_dir():
            raise PermanentError("the local platform has no GitOps repository yet", cure="bootstrap up")
        return Git.bare(repository)("rev-parse", f"refs/heads/{self.config.gitops.revision}")

    def notices(self) -> tuple[str, ...]:
        rehearsed = tuple(
            f"fault {one.fault.name} is injected: {one.fault.summary}; `up` without --fault removes it"
            for one in self.faults
        )
        return rehearsed + (self._uncommitted() if self.changed else ())

    def _uncommitted(self) -> tuple[str, ...]:
        shown = ", ".join(self.changed[:5]) + (", …" if len(self.changed) > 5 else "")
        return (f"uncommitted changes are deployed ({len(self.changed)}): {shown}",)

    def parts(self) -> tuple[Part, ...]:
        return tuple(
            Part(
                part.name,
                "up" if part.ready else "down",
                f"pid {part.pid}, {part.memory / 2**20:.0f} MiB, up {_span(part.uptime)}"
                + (f", port {part.port}" if part.port else "")
                + (f", restarted {part.restarts} times" if part.restarts else ""),
            )
            for part in self.platform.parts()
        )

    def look_at_ports(self) -> Check:
        block = self.platform.site.ports.values()
        busy = [judge_holder(name, port, holder(port)) for name, port in self.platform.busy_ports().items()]
        if busy:
            detail = "; ".join(f"{check.name}: {check.detail}" for check in busy)
            return Check("ports", False, detail, "; ".join(dict.fromkeys(c.cure for c in busy)))
        return Check("ports", True, f"{min(block)} to {max(block)} are free or ours")


def _secret_files(config: Environment) -> tuple[Path, ...]:
    """Files with secrets. They may be in the work tree, but must not be published."""
    key = config.backup.key_file
    return (*(seed.from_file for seed in config.seeds if seed.from_file), *((key,) if key else ()))


def _rendering(config: Environment, platform: Platform) -> Rendering:
    """Renders manifests with a proxy of its own, so a running platform is not needed and not disturbed."""

    @contextmanager
    def outside() -> Iterator[Outside]:
        from bootstrap.local.upstream.offline import serve  # noqa: PLC0415 - only when something is fetched

        with serve(platform.upstream, config.gitops, _secret_files(config)) as way:
            yield way

    return Rendering(outside, platform.upstream.kind_of_answers)


def _clients(url: str, region: str, credentials: Credentials) -> Callable[[str], Any]:
    """Clients of a session that ignores the user's AWS profiles and AWS_PROFILE."""
    sessions: list[Any] = []

    def client(service: str) -> Any:
        if not sessions:
            import boto3  # noqa: PLC0415 - takes a quarter of a second
            from botocore.session import Session  # noqa: PLC0415

            nobody = {"profile": (None,) * 4, "config_file": (None, None, os.devnull, None)}
            sessions.append(boto3.Session(botocore_session=Session(session_vars=nobody)))
        return sessions[0].client(service, **override.client_settings(url, region, credentials))

    return client


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
