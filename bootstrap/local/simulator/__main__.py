"""`python -m bootstrap.local.simulator --state FOLDER`: run the simulation of the platform at FOLDER."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import boto3

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.transport import connect
from bootstrap.local.components.desired import Desired
from bootstrap.local.controllers import facts
from bootstrap.local.controllers.cloud import CloudControllers
from bootstrap.local.controllers.ebs_csi import EbsDriver
from bootstrap.local.controllers.external_dns import ExternalDns
from bootstrap.local.controllers.load_balancers import LoadBalancerController
from bootstrap.local.controllers.manager import Controller, ControllerManager
from bootstrap.local.faults.cluster import ClusterFaults
from bootstrap.local.faults.pods import PodFaults
from bootstrap.local.machines.aws import Aws
from bootstrap.local.machines.control_plane import ControlPlane
from bootstrap.local.machines.controller import MachineController
from bootstrap.local.machines.etcd import Etcd
from bootstrap.local.machines.recovery import Recovery
from bootstrap.local.network.egress import Egress, Gate
from bootstrap.local.network.injection import AuthorityInjector
from bootstrap.local.network.routes import Routes
from bootstrap.local.pki.authority import Authority
from bootstrap.local.stages.loader import StageLoader
from bootstrap.local.state.site import Site
from bootstrap.local.workloads.kubelet import Kubelet

SOON = 0.2  # seconds

log = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bootstrap.local.simulator")
    parser.add_argument("--state", type=Path, required=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    site = Site.load(parser.parse_args().state)
    # A daemon thread: it may be in a long poll when SIGTERM comes, and there is nothing to clean up.
    threading.Thread(target=run, args=(site, stop), name="machines", daemon=True).start()
    stop.wait()


def run(site: Site, stop: threading.Event) -> None:
    """Run until `stop` is set. Sets it if an exception ends the loop."""
    try:
        _run(site, stop)
    finally:
        stop.set()


def _run(site: Site, stop: threading.Event) -> None:
    session, desired = boto3.Session(region_name=site.region), Desired(site.layout.desired)
    ec2 = session.client("ec2")
    aws = Aws(ec2, session.client("ssm"), site.ports["aws"])
    control_plane = ControlPlane(site, desired)
    egress = Egress(site.ports["egress"])
    egress.start()

    published = partial(facts.read, aws)

    def controllers(cluster: Cluster) -> Sequence[Controller]:
        transport = connect(control_plane.kubeconfig)
        kubelet = Kubelet(cluster, transport, site, desired, control_plane.pki.certificate("ca").read_bytes())
        authority = Authority.open(site.layout.control_plane / "network")
        routes = Routes(cluster, kubelet, authority)
        egress.gate = Gate(routes, control_plane.pki.server_context("egress"))
        return (
            StageLoader(cluster, site.share / "kwok" / "crds"),
            kubelet,
            EbsDriver(cluster, ec2, published),
            CloudControllers(
                cluster,
                LoadBalancerController(cluster, ec2, session.client("elbv2"), published),
                ExternalDns(session.client("route53"), published),
            ),
            AuthorityInjector(cluster, routes.ours_to_sign, authority.pem),
            PodFaults(cluster),
            ClusterFaults(cluster, site.layout.injected_faults),
        )

    recovery = Recovery(aws, Etcd(site, control_plane.pki))
    machines = MachineController(aws, control_plane, ControllerManager(controllers), may_begin=recovery.ready)
    while not stop.is_set():
        if _settled(machines):
            aws.wait(stop)
        else:
            stop.wait(SOON)


def _settled(machines: MachineController) -> bool:
    try:
        return machines.reconcile()
    except Exception as error:
        log.warning("machines: %s; trying again", error)
        return False


if __name__ == "__main__":
    main()
