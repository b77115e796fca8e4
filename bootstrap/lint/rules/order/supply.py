"""Where Secrets and volumes come from: stores, parameters, StorageClasses, drivers."""

from __future__ import annotations

from bootstrap.lint.graph import Topic
from bootstrap.lint.model import Rule, Severity
from bootstrap.lint.rules.order.examples import app, crd, joined, operator
from bootstrap.lint.rules.order.policy import Policy

_API = "https://external-secrets.io/latest/api"


def _store(conditions: str = "") -> str:
    return f"""
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {{name: aws-ssm}}
spec: {{provider: {{aws: {{service: ParameterStore, region: ap-northeast-2}}}}{conditions}}}
"""


_EXTERNAL = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: default}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: aws-ssm}
  data: [{secretKey: password, remoteRef: {key: /eco2/dev/database/auth/postgres-password}}]
"""
_ESO = joined(
    app("dev-eso", 10),
    crd("external-secrets.io", "ExternalSecret", "externalsecrets"),
    crd("external-secrets.io", "ClusterSecretStore", "clustersecretstores"),
    operator("eso", "external-secrets.io", "externalsecrets/status"),
)
_PASSING = joined(_ESO, app("dev-secrets", 11), _store(), _EXTERNAL)

STORE_MISSING = Rule(
    "store-missing",
    Severity.ERROR,
    "an ExternalSecret whose store nobody brings",
    f"""Its condition Ready is False with reason SecretSyncedError ("could not get ClusterSecretStore"),
no Secret is made, and its wave waits for ever.
Cure: add the store, or correct secretStoreRef (name and kind; the default kind is SecretStore).
Source: {_API}/externalsecret/""",
    failing=joined(_ESO, app("dev-secrets", 11), _EXTERNAL),
    passing=_PASSING,
)
STORE_ORDER = Rule(
    "store-order",
    Severity.ERROR,
    "an ExternalSecret in an earlier wave than its store",
    f"""The ExternalSecret does not get Ready without its store, and the store's wave does not begin
before it is: a deadlock. In one wave they find each other within ESO's retries.
Cure: the store in the same wave or an earlier one.
Source: {_API}/externalsecret/""",
    failing=joined(_ESO, app("dev-secrets", 11), _EXTERNAL, app("dev-store", 12), _store()),
    passing=_PASSING,
)
STORE_REFUSES = Rule(
    "store-refuses-namespace",
    Severity.ERROR,
    "an ExternalSecret in a namespace that its ClusterSecretStore does not serve",
    f"""spec.conditions of the store choose namespaces by name, label or pattern; an ExternalSecret
elsewhere is refused ("using cluster store … is not allowed from namespace"), and its wave waits for ever.
Cure: label the namespace so that a condition chooses it, or name it there.
Source: {_API}/clustersecretstore/""",
    failing=joined(_ESO, app("dev-secrets", 11), _store(", conditions: [{namespaces: [auth]}]"), _EXTERNAL),
    passing=joined(
        _ESO, app("dev-secrets", 11), _store(", conditions: [{namespaces: [default]}]"), _EXTERNAL
    ),
)
PARAMETER_MISSING = Rule(
    "parameter-missing",
    Severity.ERROR,
    "an ExternalSecret that reads an SSM parameter which nobody writes",
    f"""ParameterNotFound: the ExternalSecret is not Ready, ESO tries again at growing intervals (1 s up
to 7 min), the Secret is not made, and the wave that needs it is stuck. Known are the seeds of
bootstrap.yaml and the facts that Terraform publishes.
Cure: add the key to `seeds`, or correct it in Git.
Source: {_API}/externalsecret/""",
    failing=f"ssm_prefix: /eco2/dev\nseeds: [database/my/postgres-password]\n---{_PASSING}",
    passing=f"ssm_prefix: /eco2/dev\nseeds: [database/auth/postgres-password]\n---{_PASSING}",
)

_CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: gp3}
provisioner: ebs.csi.aws.com
"""
_DRIVER = """
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: ebs.csi.aws.com}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ebs-csi-controller, namespace: kube-system}
spec: {template: {spec: {containers: [{name: ebs-plugin, image: ebs:1}]}}}
"""
_CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: default}
spec: {storageClassName: gp3}
"""
_STORED = joined(app("dev-storage", 3), _CLASS, _DRIVER, app("dev-data", 35), _CLAIM)
_VOLUMES = "https://kubernetes.io/docs/concepts/storage/storage-classes/"

CLASS_MISSING = Rule(
    "storage-class-missing",
    Severity.ERROR,
    "a claim of a StorageClass that nobody brings",
    f"""The claim, made by hand, by a StatefulSet or by an operator, stays Pending:
storageclass.storage.k8s.io "gp3" not found. Its pods stay Pending with it.
Cure: add the StorageClass, or correct storageClassName.
Source: {_VOLUMES}""",
    failing=joined(app("dev-data", 35), _CLAIM),
    passing=_STORED,
)
CLASS_ORDER = Rule(
    "storage-class-order",
    Severity.ERROR,
    "a claim in an earlier wave than its StorageClass",
    f"""The claim stays Pending until the class is there; Argo CD holds the wave until it is Bound, and
the wave of the class never begins: a deadlock. In one wave it heals.
Cure: StorageClasses before everything that stores.
Source: {_VOLUMES}""",
    failing=joined(app("dev-data", 2), _CLAIM, app("dev-storage", 3), _CLASS, _DRIVER),
    passing=_STORED,
)
DRIVER_MISSING = Rule(
    "storage-driver-missing",
    Severity.WARNING,
    "a claim of a StorageClass whose driver is not in the tree",
    f"""Nobody makes volumes for the class's provisioner: the claim stays Pending ("waiting for a volume
to be created by the external provisioner"). Unless the driver comes with the cluster, as an add-on of
EKS does.
Cure: add the driver's chart before the claims; or suppress this and name the add-on as the reason.
Source: {_VOLUMES}""",
    failing=joined(app("dev-storage", 3), _CLASS, app("dev-data", 35), _CLAIM),
    passing=_STORED,
)
DRIVER_ORDER = Rule(
    "storage-driver-order",
    Severity.ERROR,
    "a claim in an earlier wave than its volumes' driver",
    f"""The claim stays Pending ("waiting for a volume to be created by the external provisioner"), its
wave waits for it, and the wave of the driver never begins: a deadlock.
Cure: the driver in an earlier wave than everything that stores.
Source: {_VOLUMES}""",
    failing=joined(
        app("dev-classes", 3), _CLASS, app("dev-data", 35), _CLAIM, app("dev-driver", 36), _DRIVER
    ),
    passing=_STORED,
)

_STUCK = "it does not get Ready before that, and its own wave has to be Healthy first: a deadlock"
POLICIES: tuple[Policy, ...] = (
    Policy(
        Topic.STORE,
        STORE_MISSING,
        STORE_ORDER,
        why_missing="the ExternalSecret never gets Ready, and no Secret is made",
        why_late=_STUCK,
        cure="add {wanted}, or correct secretStoreRef of {user}",
    ),
    Policy(
        Topic.STORE_CONDITION,
        STORE_REFUSES,
        why_missing="the store refuses the ExternalSecret",
        cure="add {wanted}, or label the namespace as they ask",
    ),
    Policy(
        Topic.PARAMETER,
        PARAMETER_MISSING,
        why_missing="the ExternalSecret never gets Ready, and no Secret is made",
        cure="add {wanted} to `seeds` in bootstrap.yaml, or correct the key in {user}",
    ),
    Policy(
        Topic.STORAGE_CLASS,
        CLASS_MISSING,
        CLASS_ORDER,
        why_missing="the claim stays Pending, and its pods with it",
        why_late="the claim stays Pending, and its own wave has to be Healthy first: a deadlock",
        cure="add {wanted} in an earlier wave, or correct storageClassName in {user}",
    ),
    Policy(
        Topic.STORAGE_DRIVER,
        DRIVER_MISSING,
        DRIVER_ORDER,
        why_missing="nobody makes the volume, and the claim stays Pending, unless it comes with the cluster",
        why_late="nobody makes the volume, and the claim's wave has to be Healthy first: a deadlock",
        cure="add {wanted} in an earlier wave",
    ),
)
RULES: tuple[Rule, ...] = (
    *(STORE_MISSING, STORE_ORDER, STORE_REFUSES, PARAMETER_MISSING),
    *(CLASS_MISSING, CLASS_ORDER, DRIVER_MISSING, DRIVER_ORDER),
)
