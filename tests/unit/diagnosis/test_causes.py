"""Pictures → causes: what is stuck is named with its root, what is merely slow is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.config.model import Environment, Seed
from bootstrap.diagnosis.causes import judge
from bootstrap.diagnosis.causes.catalogue import CAUSES
from bootstrap.diagnosis.model import Outlook, Verdict
from bootstrap.diagnosis.picture import Pending, Picture
from bootstrap.kubernetes.objects import Json
from tests.argo_objects import application_set, root
from tests.fakes import environment
from tests.unit.diagnosis.stage import (
    SPACE,
    ago,
    app,
    deployment,
    entry,
    event,
    external_secret,
    node,
    picture,
    pod,
    refused,
    replica_set,
    running,
    store,
    thing,
    unschedulable,
    waiting,
)

TAINTED = "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate"
NO_SECRET = "error processing spec.data[0] (key: /eco2/dev/db/password), err: Secret does not exist"
CERTIFICATE = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "tls", "namespace": SPACE},
}


@pytest.fixture
def config(tmp_path: Path) -> Environment:
    return environment(tmp_path)


def verdict(found: Picture, config: Environment) -> Verdict:
    (only,) = judge(found, config)
    return only


def failing_pods(message: str, since: float = 30) -> tuple[Json, ...]:
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": message,
        "lastTransitionTime": ago(since),
    }
    return app(deployment()), deployment(), replica_set(replicas=0, conditions=[failure])


def running_pod(*containers: Json, **parts: Any) -> tuple[Json, ...]:
    return app(deployment()), deployment(), replica_set(), node(), pod(*containers, **parts)


def failed_sync(message: str, item: Json | None = None, **changes: Any) -> Json:
    given = {
        "phase": "Failed",
        "message": f"one or more objects failed to apply, reason: {message}",
        **changes,
    }
    return app(deployment(), sync="OutOfSync", results=[refused(message, item)], **given)


def condition_error(message: str, since: float = 30, kind: str = "ComparisonError") -> Json:
    found = {"type": kind, "message": message, "lastTransitionTime": ago(since)}
    return app(sync="Unknown", conditions=[found])


PRE_DELETE = "error executing pre-delete hooks: PreDelete hook(s) failed: shop/backup"


def deleted(finalizer: str, message: str) -> Json:
    """An Application on its way out, with what Argo CD says about it."""
    meta = {"deletionTimestamp": ago(40), "finalizers": [f"{finalizer}.argocd.argoproj.io"]}
    said = {"type": "DeletionError", "message": message, "lastTransitionTime": ago(30)}
    return app(metadata=meta, conditions=[said])


def claim(*, age: float = 60, bound: bool = False, storage: str = "gp3") -> Json:
    wanted = {"storageClassName": storage}
    phase = "Bound" if bound else "Pending"
    return thing("PersistentVolumeClaim", "data", age=age, spec=wanted, status={"phase": phase})


def storage_class(mode: str = "WaitForFirstConsumer") -> Json:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "gp3"},
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": mode,
    }


def ingress(age: float, **metadata: Any) -> Json:
    wanted = {"ingressClassName": "alb"}
    return thing("Ingress", "web", "networking.k8s.io/v1", age=age, spec=wanted, status={}, metadata=metadata)


def ingress_class() -> Json:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "alb"}}


def namespace(name: str, **parts: Any) -> Json:
    item = thing("Namespace", name, **parts)
    del item["metadata"]["namespace"]
    return item


def revised(item: Json, revision: str) -> Json:
    notes = {"deployment.kubernetes.io/revision": revision}
    return {**item, "metadata": {**item["metadata"], "annotations": notes}}


TAINT = {"key": "domain", "value": "db", "effect": "NoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}

WAITS = pod(waiting("CreateContainerConfigError", 'secret "db" not found'))
SECRET_CHAIN = (app(deployment()), deployment(), replica_set(), node(), WAITS)

STUCK: dict[str, tuple[str, tuple[Json, ...], str, str]] = {
    "account": (
        "service-account-missing",
        failing_pods(
            'pods "web-1-" is forbidden: error looking up service account shop/web: serviceaccount "web"'
        ),
        "ServiceAccount shop/web",
        "get serviceaccounts",
    ),
    "quota": (
        "quota-exceeded",
        failing_pods('pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=1'),
        "ResourceQuota shop/compute",
        "describe resourcequota compute",
    ),
    "quota, stateful set": (
        "quota-exceeded",
        (
            app(thing("StatefulSet", "db", "apps/v1")),
            thing("StatefulSet", "db", "apps/v1", spec={"replicas": 1}, status={"observedGeneration": 1}),
            event(
                thing("StatefulSet", "db", "apps/v1"), "FailedCreate", "forbidden: exceeded quota: compute, x"
            ),
        ),
        "ResourceQuota shop/compute",
        "describe resourcequota compute",
    ),
    "pods denied": (
        "admission-denied",
        failing_pods('admission webhook "policy.kyverno.svc" denied the request: no limits'),
        "Deployment shop/web",
        "describe",
    ),
    "pods, unknown words": (
        "unknown",
        failing_pods("the moon is in the wrong phase"),
        "Deployment shop/web",
        "",
    ),
    "pod → secret → external secret → parameter": (
        "missing-parameter",
        (*SECRET_CHAIN, external_secret(), store(), event(external_secret(), "UpdateFailed", NO_SECRET)),
        "parameter /eco2/dev/db/password",
        "put-parameter --type SecureString --name /eco2/dev/db/password --value file:///dev/stdin",
    ),
    "pod → secret → external secret → store": (
        "store-not-ready",
        (*SECRET_CHAIN, external_secret(), store("False", message="no credentials")),
        "ClusterSecretStore aws-ssm",
        "describe clustersecretstore",
    ),
    "no such store": (
        "store-not-ready",
        (app(external_secret()), external_secret()),
        "ClusterSecretStore aws-ssm",
        "get clustersecretstores",
    ),
    "parameter denied": (
        "parameter-denied",
        (
            app(external_secret(), health="Degraded", degraded=30),
            external_secret(),
            store(),
            event(external_secret(), "UpdateFailed", "(key: /a), err: AccessDeniedException: not authorized"),
        ),
        "parameter /a",
        "describe externalsecret",
    ),
    "secret that nobody makes": ("secret-missing", SECRET_CHAIN, "Secret shop/db", "get externalsecrets"),
    "config map in a volume": (
        "secret-missing",
        (
            *running_pod(waiting("ContainerCreating")),
            event(
                pod(), "FailedMount", 'MountVolume.SetUp failed for volume "c" : configmap "web" not found'
            ),
        ),
        "ConfigMap shop/web",
        "get configmaps",
    ),
    "crash loop": (
        "crash-loop",
        running_pod(waiting("CrashLoopBackOff", "back-off 20s", 3, exitCode=1, finishedAt=ago(5))),
        "Pod shop/web-1-x",
        "logs web-1-x -c web --previous",
    ),
    "out of memory": (
        "oom-killed",
        running_pod(waiting("CrashLoopBackOff", "", 2, exitCode=137, reason="OOMKilled", finishedAt=ago(5))),
        "Pod shop/web-1-x",
        "describe pod",
    ),
    "image": (
        "image-pull",
        running_pod(waiting("ImagePullBackOff", "Back-off pulling image"), containers=[]),
        "image None",
        "describe pod",
    ),
    "image without its signature": (
        "image-pull",
        running_pod(waiting("SignatureValidationFailed", "image pull failed"), containers=[]),
        "image None",
        "describe pod",
    ),
    "taint": (
        "unschedulable-taint",
        (
            app(deployment()),
            deployment(),
            replica_set(),
            node(taints=[TAINT]),
            pod(scheduled=unschedulable(TAINTED)),
        ),
        "taint domain=db:NoSchedule of Node worker",
        "describe node worker",
    ),
    "selector": (
        "unschedulable-selector",
        (
            app(deployment()),
            deployment(),
            replica_set(),
            node(),
            pod(
                scheduled=unschedulable(
                    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity"
                ),
                nodeSelector={"domain": "db"},
            ),
        ),
        "nodes with domain=db",
        "get nodes --show-labels",
    ),
    "node lost": (
        "node-not-ready",
        (app(deployment()), deployment(), replica_set(), node(ready="Unknown", since=20), pod(running())),
        "Node worker",
        "describe node worker",
    ),
    "pod for a node that is not ready": (
        "node-not-ready",
        (
            app(deployment()),
            deployment(),
            replica_set(),
            node(ready="False", since=30, taints=[NOT_READY]),
            pod(scheduled=unschedulable(TAINTED), nodeSelector={"kubernetes.io/hostname": "worker"}),
        ),
        "Node worker",
        "describe node worker",
    ),
    "volume elsewhere": (
        "claim-elsewhere",
        (
            app(deployment()),
            deployment(),
            replica_set(),
            node(),
            claim(bound=True),
            pod(
                scheduled=unschedulable(
                    "0/1 nodes are available: 1 node(s) had volume node affinity conflict"
                ),
                volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            ),
        ),
        "PersistentVolumeClaim shop/data",
        "topology.kubernetes.io/zone",
    ),
    "volume elsewhere, in words of Kubernetes 1.37": (
        "claim-elsewhere",
        (
            app(deployment()),
            deployment(),
            replica_set(),
            node(),
            claim(bound=True),
            pod(
                scheduled=unschedulable(
                    "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity"
                ),
                volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            ),
        ),
        "PersistentVolumeClaim shop/data",
        "topology.kubernetes.io/zone",
    ),
    "deadlock": (
        "claim-deadlock",
        (
            app(
                claim(),
                phase="Running",
                message="waiting for healthy state of /PersistentVolumeClaim/data and 1 more resources",
            ),
            claim(),
            storage_class(),
        ),
        "PersistentVolumeClaim shop/data",
        "describe persistentvolumeclaim data",
    ),
    "provisioner is silent": (
        "claim-pending",
        (
            app(claim(age=120)),
            claim(age=120),
            storage_class("Immediate"),
            event(claim(), "ExternalProvisioning", "Waiting for a volume", since=119, kind="Normal"),
        ),
        "PersistentVolumeClaim shop/data",
        "describe persistentvolumeclaim data",
    ),
    "ingress refused": (
        "ingress-without-address",
        (
            app(ingress(40)),
            ingress(40),
            ingress_class(),
            event(ingress(40), "FailedBuildModel", "couldn't auto-discover subnets"),
        ),
        "Ingress shop/web",
        "describe ingress",
    ),
    "ingress unnoticed": (
        "ingress-without-address",
        (app(ingress(70)), ingress(70), ingress_class()),
        "Ingress shop/web",
        "describe ingress",
    ),
    "path": (
        "path-missing",
        (condition_error("rpc error: code = Unknown desc = .x: app path does not exist"),),
        "path shop",
        "bootstrap lint --environment dev",
    ),
    "pattern of value files": (
        "path-missing",
        (condition_error('code = NotFound desc = values file glob "envs/*.yaml" matched no files'),),
        "path shop",
        "bootstrap lint --environment dev",
    ),
    "broken manifest": (
        "manifest-invalid",
        (
            condition_error(
                'desc = Failed to unmarshal "a.yaml": error converting YAML to JSON: yaml: line 2'
            ),
        ),
        "path shop",
        "bootstrap lint",
    ),
    "project": (
        "project-refuses",
        (condition_error("application repo x is not permitted in project 'p'", kind="InvalidSpecError"),),
        "AppProject default",
        "get appproject",
    ),
    "kind refused by the project": (
        "project-refuses",
        (failed_sync("resource :Secret is not permitted in project p"),),
        "Deployment shop/web",
        "describe application shop",
    ),
    "webhook": (
        "webhook-without-endpoints",
        (
            failed_sync(
                'failed calling webhook "v.example.com": failed to call webhook: Post "https://hook.sys.svc:443/v":'
                ' no endpoints available for service "hook"',
                started=ago(20),
            ),
        ),
        "Service sys/hook",
        "-n sys describe service hook",
    ),
    "webhook denies": (
        "admission-denied",
        (failed_sync('admission webhook "v.example.com" denied the request: no'),),
        "Deployment shop/web",
        "describe application",
    ),
    "kind unknown, while Argo CD retries": (
        "crd-missing",
        (
            failed_sync(
                'Make sure the "Certificate" CRD is installed on the destination cluster.',
                CERTIFICATE,
                phase="Running",
                retries=2,
            ),
        ),
        "kind Certificate.cert-manager.io",
        "get crds",
    ),
    "old version of a field": (
        "schema-rejected",
        (
            failed_sync(
                "failed to create typed patch object (shop/web): .spec.replica: field not declared in schema"
            ),
        ),
        "Deployment shop/web",
        "explain deployment.spec",
    ),
    "hook that is gone again": (
        "hook-failed",
        (
            app(
                phase="Failed",
                message="one or more synchronization tasks completed unsuccessfully",
                results=[
                    {
                        "kind": "Job",
                        "name": "schema",
                        "namespace": SPACE,
                        "hookType": "PreSync",
                        "hookPhase": "Failed",
                        "message": "Job has reached the specified backoff limit",
                    }
                ],
            ),
        ),
        "Job shop/schema",
        "get events",
    ),
    "finalizer": (
        "finalizer-stuck",
        (
            app(deployment()),
            thing(
                "Deployment",
                "web",
                "apps/v1",
                status={},
                metadata={"deletionTimestamp": ago(30), "finalizers": ["example.com/hold"]},
            ),
        ),
        "Deployment shop/web",
        "get deployment.apps web -o yaml",
    ),
    "namespace that does not go": (
        "finalizer-stuck",
        (
            failed_sync("unable to create new content in namespace shop because it is being terminated"),
            namespace(SPACE, metadata={"deletionTimestamp": ago(40)}),
        ),
        "Namespace shop",
        "get namespace shop -o yaml",
    ),
    "application that does not go": (
        "finalizer-stuck",
        (
            app(
                metadata={
                    "deletionTimestamp": ago(40),
                    "finalizers": ["resources-finalizer.argocd.argoproj.io"],
                }
            ),
        ),
        "Application shop",
        "get application.argoproj.io shop",
    ),
    "PreDelete hook that failed": (
        "deletion-hook-failed",
        (deleted("pre-delete-finalizer", PRE_DELETE),),
        "PreDelete hook shop/backup",
        "get events",
    ),
    "PreDelete hook that is tried again": (
        "deletion-hook-failed",
        (
            deleted("pre-delete-finalizer", PRE_DELETE),
            thing(
                "Job",
                "backup",
                "batch/v1",
                spec={},
                status={"active": 1},
                metadata={
                    "annotations": {
                        "argocd.argoproj.io/hook": "PreDelete",
                        "argocd.argoproj.io/tracking-id": "shop:batch/Job:shop/backup",
                    }
                },
            ),
        ),
        "Job shop/backup",
        "logs job/backup",
    ),
    "PostDelete hook that failed": (
        "deletion-hook-failed",
        (deleted("post-delete-finalizer", "PostDelete hook(s) failed: shop/one, shop/two"),),
        "PostDelete hook shop/one",
        "get events",
    ),
    "deletion goes on after its hook": (
        "finalizer-stuck",
        (deleted("resources-finalizer", PRE_DELETE),),
        "Application shop",
        "get application.argoproj.io shop",
    ),
    "hook of a deletion that the project refuses": (
        "project-refuses",
        (
            deleted(
                "pre-delete-finalizer",
                "error executing pre-delete hooks: PreDelete hook batch/Job/shop/backup is not permitted: "
                "resource batch:Job is not permitted in project shop",
            ),
        ),
        "AppProject default",
        "get appproject",
    ),
    "drift while self-heal is off": (
        "drift-loop",
        (app(resources=[entry(deployment(), status="OutOfSync")], sync="OutOfSync", started=ago(60)),),
        "Deployment shop/web",
        "--show-managed-fields",
    ),
    "sync without end": (
        "sync-runs-forever",
        (app(phase="Running", message="waiting for completion of hook batch/Job/load", started=ago(100)),),
        "Job load",
        "operationState.message",
    ),
    "sync that was ended": (
        "sync-runs-forever",
        (app(phase="Failed", message="Operation terminated", started=ago(30)),),
        "Application shop",
        "operationState.message",
    ),
    "degraded custom resource": (
        "starts-degraded",
        (
            app(thing("Cluster", "pg", "postgresql.cnpg.io/v1"), health="Degraded", degraded=15),
            thing(
                "Cluster",
                "pg",
                "postgresql.cnpg.io/v1",
                spec={"x": 1},
                status={"phase": "Failed", "message": "x"},
            ),
        ),
        "Cluster shop/pg",
        "describe cluster.postgresql.cnpg.io pg",
    ),
    "sync failed in words nobody knows": (
        "unknown",
        (failed_sync("the moon is in the wrong phase"),),
        "Deployment shop/web",
        "describe application shop",
    ),
    "nobody writes its status": (
        "unknown",
        (
            app(thing("RedisFailover", "r", "databases.spotahome.com/v1", age=300), started=ago(200)),
            thing("RedisFailover", "r", "databases.spotahome.com/v1", age=300, spec={"redis": {}}),
        ),
        "RedisFailover shop/r",
        "describe redisfailover",
    ),
}


@pytest.mark.parametrize("case", STUCK)
def test_what_is_stuck_is_named_with_its_root(case: str, config: Environment) -> None:
    cause, objects, last, command = STUCK[case]
    found = verdict(picture(*objects), config)
    assert found.cause == cause, found
    assert found.chain[0] == "Application shop"
    assert found.chain[-1] == last
    assert command in found.command
    assert found.outlook is not Outlook.SLOW
    assert found.reason


BINDS = event(claim(age=20), "WaitForFirstConsumer", "waiting for first consumer", since=20, kind="Normal")
PROVISIONS = event(claim(age=40), "ExternalProvisioning", "Waiting for a volume", since=39, kind="Normal")
RETRIED = 'failed calling webhook "v": Post "https://hook.sys.svc:443/v": no endpoints available'
ENDPOINT = thing(
    "EndpointSlice",
    "hook-1",
    "discovery.k8s.io/v1",
    metadata={"namespace": "sys", "labels": {"kubernetes.io/service-name": "hook"}},
    endpoints=[{"conditions": {"ready": True}}],
)

SLOW: dict[str, tuple[Json, ...]] = {
    "nothing is there yet": (),
    "rollout": (app(deployment()), deployment()),
    "image being pulled for a minute": running_pod(waiting("ContainerCreating"), age=60),
    "pod that starts for a minute": running_pod(running(), age=60),
    "first failure to pull": running_pod(waiting("ErrImagePull", "timeout"), age=3),
    "first crash": running_pod(waiting("CrashLoopBackOff", "", 1, exitCode=1, finishedAt=ago(2))),
    "killed once, long ago, and running": running_pod(running(restarts=1)),
    "not scheduled for a moment": (
        app(deployment()),
        deployment(),
        replica_set(),
        node(taints=[TAINT]),
        pod(scheduled=unschedulable(TAINTED, since=4)),
    ),
    "node that starts": (
        app(deployment()),
        deployment(),
        replica_set(),
        node(taints=[{"key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule"}]),
        pod(scheduled=unschedulable(TAINTED, since=40)),
    ),
    "node that joins": (
        app(deployment()),
        deployment(),
        replica_set(),
        node(ready="False", since=60, age=60, taints=[NOT_READY]),
        pod(scheduled=unschedulable(TAINTED, since=60)),
    ),
    "autoscaler makes a node": (
        app(deployment()),
        deployment(),
        replica_set(),
        pod(scheduled=unschedulable("0/1 nodes are available: 1 Insufficient cpu", since=50)),
        event(pod(), "Nominated", "Pod should schedule on: nodeclaim/x", kind="Normal"),
    ),
    "secret is late by seconds": (
        app(deployment()),
        deployment(),
        replica_set(),
        node(),
        pod(waiting("CreateContainerConfigError", 'secret "db" not found'), age=5),
    ),
    "secret is there by now": (
        *SECRET_CHAIN,
        {**external_secret(), "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
    ),
    "store being validated": (
        app(external_secret(6), degraded=6),
        external_secret(6),
        store("False", since=6),
    ),
    "store that nobody looked at": (
        app(external_secret(40)),
        external_secret(40),
        {**store(), "status": {}},
    ),
    "first failure of an external secret": (
        app(external_secret(3), degraded=3),
        external_secret(3),
        store(),
        event(external_secret(3), "UpdateFailed", NO_SECRET, since=3),
    ),
    "parameter seeded between two tries": (
        app(external_secret(12), degraded=12),
        external_secret(12),
        store(),
        event(external_secret(12), "UpdateFailed", NO_SECRET, since=12) | {"lastTimestamp": ago(8)},
    ),
    "Argo CD has not seen yet that all is well": (
        app(deployment(), health="Degraded", degraded=40),
        deployment(),
    ),
    "sync ended, about to start anew": (
        app(phase="Failed", message="Operation terminated", started=ago(10)),
    ),
    "Argo CD repeats that a sync was ended": (
        condition_error("Failed last sync attempt to [abc]: Operation terminated", kind="SyncError"),
    ),
    "claim whose pod comes": (app(claim(age=20)), claim(age=20), storage_class(), BINDS),
    "claim whose pod is being placed": (
        app(claim(age=50)),
        claim(age=50),
        storage_class(),
        pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]),
    ),
    "volume being made": (app(claim(age=40)), claim(age=40), storage_class("Immediate"), PROVISIONS),
    "volume just made": (
        app(claim()),
        claim(),
        event(claim(), "ProvisioningFailed", "timeout", since=50),
        event(claim(), "ProvisioningSucceeded", "Successfully provisioned", since=1, kind="Normal"),
    ),
    "load balancer being made": (
        app(ingress(200, finalizers=["ingress.k8s.aws/resources"])),
        ingress(200, finalizers=["ingress.k8s.aws/resources"]),
        ingress_class(),
    ),
    "ingress, half a minute old": (app(ingress(30)), ingress(30), ingress_class()),
    "old revision crashes while the new one starts": (
        app(deployment()),
        revised(deployment(), "2"),
        revised(replica_set(), "1"),
        pod(waiting("CrashLoopBackOff", "", 9, exitCode=1)),
    ),
    "crashing pod on its way out": (
        app(deployment()),
        deployment(),
        replica_set(),
        pod(waiting("CrashLoopBackOff", "", 9, exitCode=1))
        | {"metadata": pod()["metadata"] | {"deletionTimestamp": ago(60)}},
    ),
    "nightly Job that failed": (
        app(thing("CronJob", "clean", "batch/v1")),
        thing(
            "Job",
            "clean-1",
            "batch/v1",
            owner=thing("CronJob", "clean", "batch/v1"),
            status={"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": ago(9000)}]},
        ),
    ),
    "Job that succeeded at its second try": (
        app(thing("Job", "load", "batch/v1")),
        thing("Job", "load", "batch/v1", status={"conditions": [{"type": "Complete", "status": "True"}]}),
        thing(
            "Pod",
            "load-1",
            owner=thing("Job", "load", "batch/v1"),
            status={
                "phase": "Failed",
                "containerStatuses": [{"name": "x", "state": {"terminated": {"reason": "OOMKilled"}}}],
            },
        ),
    ),
    "job": (app(), thing("Job", "load", "batch/v1", age=80, spec={}, status={"active": 1})),
    "repo-server is starting": (
        condition_error("rpc error: code = Unavailable desc = connection error: dial tcp 10.0.0.1:8081"),
    ),
    "repo-server is short of time": (condition_error("`helm template .` failed timeout after 1m30s"),),
    "comparison fails for a moment": (condition_error("failed to list refs: i/o timeout", since=4),),
    "sync retried, webhook up by now": (
        failed_sync(RETRIED, phase="Running", retries=1),
        ENDPOINT,
    ),
    "sync retried, namespace there by now": (
        failed_sync('namespaces "shop" not found', phase="Running", retries=1),
        namespace(SPACE),
    ),
    "long sync": (
        app(phase="Running", message="waiting for healthy state of apps/Deployment/web", started=ago(80)),
    ),
    "set back once": (
        app(
            resources=[entry(deployment(), status="OutOfSync")],
            sync="OutOfSync",
            heals=1,
            started=ago(6),
        ),
    ),
    "old object, new rollout": (
        app(
            thing("Deployment", "web", "apps/v1"),
            started=ago(20),
            metadata={"creationTimestamp": ago(90_000)},
        ),
        thing(
            "Deployment",
            "web",
            "apps/v1",
            age=90_000,
            spec={"replicas": 2},
            status={"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1},
        ),
    ),
    "another commit is compared, not synced yet": (
        app(
            resources=[entry(deployment(), status="OutOfSync")],
            sync="OutOfSync",
            synced="b" * 40,
            heals=4,
            started=ago(60),
        ),
    ),
    "degraded only as far as Argo CD knows": (
        app(external_secret(), health="Degraded", degraded=40),
        external_secret(8)
        | {"status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ago(8)}]}},
    ),
    "degraded for seconds": (app(degraded=5, health="Degraded"),),
    "being deleted for a moment": (
        app(deployment()),
        thing("Deployment", "web", "apps/v1", metadata={"deletionTimestamp": ago(5), "finalizers": ["x"]}),
    ),
    "pods take their time to go": (
        app(deployment()),
        deployment(),
        replica_set(),
        pod(running()) | {"metadata": pod()["metadata"] | {"deletionTimestamp": ago(60)}},
    ),
    "sync of an old commit failed": (failed_sync("field is immutable", synced="b" * 40),),
}


@pytest.mark.parametrize("case", SLOW)
def test_what_is_slow_is_no_cause(case: str, config: Environment) -> None:
    found = verdict(picture(*SLOW[case]), config)
    assert (found.cause, found.outlook) == ("slow", Outlook.SLOW), found
    assert found.reason


def test_a_kind_that_is_served_by_now_is_no_cause(config: Environment) -> None:
    item = failed_sync("no matches for kind Certificate", CERTIFICATE, phase="Running", retries=2)
    assert verdict(picture(item), config).cause == "crd-missing"
    assert verdict(picture(item, served=frozenset({"Certificate.cert-manager.io"})), config).cause == "slow"


def test_a_class_that_could_not_be_read_is_not_said_to_be_missing(config: Environment) -> None:
    objects = app(ingress(30)), ingress(30)
    assert verdict(picture(*objects), config).cause == "ingress-without-address"
    unread = ("IngressClass.networking.k8s.ios: forbidden",)
    assert verdict(picture(*objects, unread=unread), config).cause == "slow"


def test_what_git_may_have_cured_is_not_hopeless(config: Environment) -> None:
    item = condition_error("`helm template .` failed exit status 1: Error: execution error at x")
    now = Pending("shop", "Application", 60, "Unknown", "Healthy", "ComparisonError: …")
    assert verdict(picture(item, member=now), config).outlook is Outlook.HOPELESS
    stale = replace(now, stale=True)
    assert verdict(picture(item, member=stale), config).outlook is Outlook.BLOCKED


def test_a_missing_application_is_explained_by_what_makes_it(config: Environment) -> None:
    missing = Pending("shop", "Application", 60, "Missing", "Missing", "is not created yet")
    parent = root(
        {"shop": 60}, phase="Failed", started=ago(60), message="x", results=[refused("field is immutable")]
    )
    found = verdict(picture(parent, member=missing), config)
    assert found.cause == "immutable-field"
    assert found.chain == ("Application shop", "root, which makes it", "Deployment shop/web")
    assert verdict(picture(member=missing), config).reason == "is not created yet"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("error generating params from git: failed to list refs: repository not found", "repo-unreachable"),
        ("unable to resolve 'v9' to a commit SHA", "revision-missing"),
        ("the template needs a field", "unknown"),
    ],
)
def test_an_application_set_tells_by_its_condition(message: str, cause: str, config: Environment) -> None:
    item = application_set("shop")
    failed = {"type": "ErrorOccurred", "status": "True", "message": message, "lastTransitionTime": ago(30)}
    item["status"]["conditions"] = [failed]
    member = Pending("shop", "ApplicationSet", 60, "OutOfSync", "Degraded", message)
    found = verdict(picture(item, member=member), config)
    assert (found.cause, found.chain[0]) == (cause, "ApplicationSet shop")


def test_what_is_seeded_is_put_back_by_up(config: Environment) -> None:
    objects = STUCK["pod → secret → external secret → parameter"][1]
    seeded = replace(config, seeds=(Seed("db/password"),))
    assert verdict(picture(*objects), seeded).command == "bootstrap up --environment dev"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("", "slow"),
        (f"waiting for healthy state of external-secrets.io/ExternalSecret/{SPACE}", "store-not-ready"),
    ],
)
def test_a_store_that_the_running_sync_makes_next_is_not_missing(
    config: Environment, message: str, cause: str
) -> None:
    """One sync applies kind after kind; with many at once seconds lie between them."""
    syncing = app(external_secret(), store(), phase="Running", message=message, started=ago(20))
    assert verdict(picture(syncing, external_secret()), config).cause == cause


def test_a_cause_that_is_not_ripe_holds_its_consequence_back(config: Environment) -> None:
    """The Application is Degraded because of an ExternalSecret whose store is being validated."""
    objects = app(external_secret(8), degraded=30), external_secret(8), store("False", since=8)
    assert verdict(picture(*objects), config).cause == "slow"
    later = replace(picture(*objects), now=picture().now + 10)
    assert verdict(later, config).cause == "store-not-ready"


def test_a_project_that_is_there_is_not_said_to_be_missing(config: Environment) -> None:
    """After its start Argo CD has not read its AppProjects yet, and says that they do not exist."""
    message = "Application referencing project platform which does not exist"
    error = condition_error(message, kind="InvalidSpecError")
    assert verdict(picture(error), config).cause == "project-refuses"
    project = thing("AppProject", "platform", "argoproj.io/v1alpha1")
    assert verdict(picture(error, project), config).cause == "slow"


def test_the_catalogue_has_no_cause_twice_and_each_is_told() -> None:
    assert len({cause.id for cause in CAUSES}) == len(CAUSES) == 39
    assert all(cause.title for cause in CAUSES)
    assert all(cause.after <= 9 for cause in CAUSES if cause.id != "unknown"), "named within 15 s"
