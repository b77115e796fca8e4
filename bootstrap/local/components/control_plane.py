"""etcd, the API server, its controllers, and KWOK, which plays every kubelet. As kubeadm starts them."""

from __future__ import annotations

import json
from pathlib import Path

from bootstrap.local.components.component import Component, Probe
from bootstrap.local.pki.cluster import Pki
from bootstrap.local.state.site import Site

SERVICE_CIDR = "10.96.0.0/12"  # kubeadm's default
POD_CIDR = "10.244.0.0/16"
LEASE = 40  # seconds; kubelet's default, without it nodes turn NotReady

# Not needed here, or wrong here: nobody serves the metrics API that the autoscaler's controller asks for,
# and its complaint about that makes Argo CD call the autoscaler Degraded (its status is a stage instead).
CONTROLLERS = ("*", "-horizontal-pod-autoscaler-controller", "-node-ipam-controller", "-ttl-controller")


def build_etcd(site: Site, pki: Pki) -> Component:
    client, peer = site.url("etcd", "https"), site.url("etcd-peer", "https")
    return Component(
        name="etcd",
        argv=_argv(
            site,
            "etcd",
            name="local",
            data_dir=site.layout.control_plane / "etcd",
            listen_client_urls=client,
            advertise_client_urls=client,
            listen_peer_urls=peer,
            initial_advertise_peer_urls=peer,
            initial_cluster=f"local={peer}",
            cert_file=pki.certificate("etcd-server"),
            key_file=pki.key("etcd-server"),
            client_cert_auth="true",
            trusted_ca_file=pki.certificate("ca"),
            # There are no peers, and nobody else is to become one.
            peer_cert_file=pki.certificate("etcd-server"),
            peer_key_file=pki.key("etcd-server"),
            peer_client_cert_auth="true",
            peer_trusted_ca_file=pki.certificate("ca"),
            unsafe_no_fsync="true",  # survives the death of any process; a power cut may cost the environment
            snapshot_count=500,
            snapshot_catchup_entries=100,  # kept in memory for other members, and there are none
            log_level="warn",
        ),
        environment={"GOMEMLIMIT": "120MiB"},
        probe=Probe(site.ports["etcd"]),
    )


def build_apiserver(site: Site, pki: Pki) -> Component:
    return Component(
        name="kube-apiserver",
        argv=_argv(
            site,
            "kube-apiserver",
            bind_address="127.0.0.1",
            advertise_address="127.0.0.1",
            secure_port=site.ports["kube-apiserver"],
            etcd_servers=site.url("etcd", "https"),
            etcd_cafile=pki.certificate("ca"),
            etcd_certfile=pki.certificate("apiserver-etcd-client"),
            etcd_keyfile=pki.key("apiserver-etcd-client"),
            client_ca_file=pki.certificate("ca"),
            tls_cert_file=pki.certificate("apiserver"),
            tls_private_key_file=pki.key("apiserver"),
            service_account_issuer="https://kubernetes.default.svc.cluster.local",
            service_account_key_file=pki.key("sa"),
            service_account_signing_key_file=pki.key("sa"),
            requestheader_client_ca_file=pki.certificate("front-proxy-ca"),
            requestheader_allowed_names="front-proxy-client",
            requestheader_username_headers="X-Remote-User",
            requestheader_group_headers="X-Remote-Group",
            requestheader_extra_headers_prefix="X-Remote-Extra-",
            proxy_client_cert_file=pki.certificate("front-proxy-client"),
            proxy_client_key_file=pki.key("front-proxy-client"),
            kubelet_client_certificate=pki.certificate("apiserver-kubelet-client"),
            kubelet_client_key=pki.key("apiserver-kubelet-client"),
            authorization_mode="Node,RBAC",
            allow_privileged="true",
            service_cluster_ip_range=SERVICE_CIDR,
            egress_selector_config_file=egress_file(site),
            endpoint_reconciler_type="none",  # a Service cannot have a loopback endpoint
            profiling="false",
            event_ttl="30m",
            # The largest CRD takes ten seconds of CPU; beside other work a minute is too short.
            request_timeout="2m",
        ),
        environment={"GOMEMLIMIT": "800MiB", "GOGC": "80"},
        probe=Probe(site.ports["kube-apiserver"], "/readyz", tls=True),
        needs=("etcd",),
    )


def build_controller_manager(site: Site, pki: Pki) -> Component:
    config = pki.kubeconfig("controller-manager")
    return Component(
        name="kube-controller-manager",
        argv=_argv(
            site,
            "kube-controller-manager",
            bind_address="127.0.0.1",
            secure_port=site.ports["kube-controller-manager"],
            kubeconfig=config,
            authentication_kubeconfig=config,
            authorization_kubeconfig=config,
            use_service_account_credentials="true",
            service_account_private_key_file=pki.key("sa"),
            root_ca_file=pki.certificate("ca"),
            cluster_signing_cert_file=pki.certificate("ca"),
            cluster_signing_key_file=pki.key("ca"),
            controllers=",".join(CONTROLLERS),
            leader_elect="false",
            profiling="false",
            kube_api_qps=100,
            kube_api_burst=200,
        ),
        environment={"GOMEMLIMIT": "160MiB"},
        probe=Probe(site.ports["kube-controller-manager"], "/healthz", tls=True),
        needs=("kube-apiserver",),
    )


def build_scheduler(site: Site, pki: Pki) -> Component:
    config = pki.kubeconfig("scheduler")
    return Component(
        name="kube-scheduler",
        argv=_argv(
            site,
            "kube-scheduler",
            bind_address="127.0.0.1",
            secure_port=site.ports["kube-scheduler"],
            kubeconfig=config,
            authentication_kubeconfig=config,
            authorization_kubeconfig=config,
            leader_elect="false",
            profiling="false",
        ),
        environment={"GOMEMLIMIT": "100MiB"},
        probe=Probe(site.ports["kube-scheduler"], "/healthz", tls=True),
        needs=("kube-apiserver",),
    )


def build_kwok(site: Site, pki: Pki) -> Component:
    return Component(
        name="kwok",
        argv=_argv(
            site,
            "kwok",
            kubeconfig=pki.kubeconfig("admin"),
            manage_all_nodes="true",
            node_lease_duration_seconds=LEASE,
            enable_crds="Stage",
            config="/dev/null",  # else it would read the user's own ~/.kwok
            cidr=POD_CIDR,
            server_address=site.address("kwok"),
            v="WARN",
        ),
        environment={"GOMEMLIMIT": "120MiB"},
        probe=Probe(site.ports["kwok"], "/healthz"),
        needs=("kube-apiserver",),
    )


def build_all(site: Site, pki: Pki) -> tuple[Component, ...]:
    builders = (build_etcd, build_apiserver, build_controller_manager, build_scheduler, build_kwok)
    return tuple(build(site, pki) for build in builders)


def egress_file(site: Site) -> Path:
    return site.layout.control_plane / "egress.json"


def egress_config(site: Site, pki: Pki) -> str:
    """Sends the API server's calls into the cluster (webhooks, aggregated APIs) to `network/egress.py`."""
    tls = {
        "caBundle": str(pki.certificate("ca")),
        "clientCert": str(pki.certificate("apiserver-egress-client")),
        "clientKey": str(pki.key("apiserver-egress-client")),
    }
    transport = {"tcp": {"url": site.url("egress", "https"), "tlsConfig": tls}}
    connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
    config = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }
    return json.dumps(config, indent=2)


def _argv(site: Site, program: str, **flags: object) -> tuple[str, ...]:
    """`data_dir=x` becomes `--data-dir=x`."""
    return (
        str(site.tools[program]),
        *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items()),
    )
