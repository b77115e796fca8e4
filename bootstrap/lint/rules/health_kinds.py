"""Kinds whose health Argo CD 3.6 knows by itself.

Source: gitops-engine pkg/health/health.go, and the folders of Argo CD's resource_customizations that hold a
health.lua. A group that begins with `*` stands for all groups that end so, the kind `*` for all of its kinds.
"""

from __future__ import annotations

from bootstrap.kubernetes.objects import Kind

_CHECKED = """
*.cnrm.cloud.google.com: *
*.crossplane.io: *
*.services.k8s.aws: *
*.upbound.io: *
acid.zalan.do: postgresql
acme.cert-manager.io: Challenge Order
addons.cluster.x-k8s.io: ClusterResourceSet
addons.projectcapsule.dev: GlobalSopsSecret SopsProvider SopsSecret
apiextensions.k8s.io: CustomResourceDefinition
apiregistration.k8s.io: APIService
apps: DaemonSet Deployment ReplicaSet StatefulSet
apps.3scale.net: APIManager
apps.kruise.io: AdvancedCronJob BroadcastJob CloneSet DaemonSet StatefulSet
apps.openshift.io: DeploymentConfig
argoproj.io: AnalysisRun ApplicationSet CronWorkflow EventBus Experiment Rollout Workflow
astra.netapp.io: AppVault Application Backup ExecHook ExecHooksRun ResourceBackup ResticVolumeBackup
astra.netapp.io: Schedule Snapshot
autoscaling: HorizontalPodAutoscaler
batch: CronJob Job
beat.k8s.elastic.co: Beat
bitnami.com: SealedSecret
camel.apache.org: Integration
capabilities.3scale.net: ActiveDoc Application ApplicationAuth Backend CustomPolicyDefinition
capabilities.3scale.net: DeveloperAccount DeveloperUser OpenAPI Product ProxyConfigPromote Tenant
capsule.clastix.io: CapsuleConfiguration CustomQuota GlobalCustomQuota GlobalProxySettings
capsule.clastix.io: GlobalTenantResource ProxySetting ResourcePool ResourcePoolClaim Tenant TenantOwner
capsule.clastix.io: TenantResource
cassandra.rook.io: Cluster
cdi.kubevirt.io: DataVolume
ceph.rook.io: CephCluster CephObjectStore
cert-manager.io: Certificate CertificateRequest ClusterIssuer Issuer
certmanager.k8s.io: Certificate Issuer
clickhouse-keeper.altinity.com: ClickHouseKeeperInstallation
clickhouse.altinity.com: ClickHouseInstallation
cloudfront.aws.crossplane.io: Distribution
cluster.x-k8s.io: Cluster Machine MachineDeployment MachineHealthCheck MachinePool
controlplane.cluster.x-k8s.io: AWSManagedControlPlane
coralogix.com: Alert RecordingRuleGroupSet
core: PersistentVolumeClaim Pod Service
core.gardener.cloud: Shoot
core.humio.com: HumioAction HumioAlert HumioCluster HumioIngestToken HumioParser HumioRepository
core.humio.com: HumioView
core.spinkube.dev: SpinApp
datadoghq.com: DatadogMetric
db.atlasgo.io: AtlasMigration AtlasSchema
elasticsearch.k8s.elastic.co: Elasticsearch
extensions: Ingress
external-secrets.io: ClusterExternalSecret ClusterSecretStore ExternalSecret PushSecret SecretStore
flagger.app: Canary
flink.apache.org: FlinkDeployment FlinkSessionJob
game.kruise.io: GameServer GameServerSet
gateway.envoyproxy.io: Backend BackendTrafficPolicy ClientTrafficPolicy EnvoyExtensionPolicy
gateway.envoyproxy.io: EnvoyPatchPolicy SecurityPolicy
gateway.networking.k8s.io: BackendTLSPolicy GRPCRoute Gateway GatewayClass HTTPRoute ListenerSet
gateway.networking.k8s.io: TLSRoute
gateway.solo.io: Gateway MatchableHttpGateway RouteOption RouteTable VirtualHostOption VirtualService
gloo.solo.io: Proxy Settings Upstream UpstreamGroup
grafana-org-operator.kubitus-project.gitlab.io: *
grafana.integreatly.org: Grafana GrafanaDashboard GrafanaDatasource GrafanaFolder
helm.toolkit.fluxcd.io: HelmRelease
iam.aws.crossplane.io: Policy Role RolePolicyAttachment
iammanager.keikoproj.io: Iamrole
image.toolkit.fluxcd.io: ImagePolicy ImageRepository ImageUpdateAutomation
install.istio.io: IstioOperator
jaegertracing.io: Jaeger
k8s.keycloak.org: Keycloak
k8s.mariadb.com: Backup Database Grant MariaDB SqlJob User
kafka.banzaicloud.io: KafkaCluster
kafka.strimzi.io: Kafka KafkaBridge KafkaConnect KafkaConnector KafkaTopic KafkaUser
karpenter.k8s.aws: EC2NodeClass
karpenter.sh: NodeClaim NodePool
keda.sh: ScaledJob ScaledObject
kiali.io: Kiali
kro.run: * ResourceGraphDefinition
kubernetes-client.io: ExternalSecret
kubevirt.io: VirtualMachine VirtualMachineInstance
kustomize.toolkit.fluxcd.io: Kustomization
kyverno.io: ClusterPolicy Policy
lifecycle.keptn.sh: KeptnAppVersion KeptnEvaluation KeptnTask KeptnWorkloadInstance KeptnWorkloadVersion
logstash.k8s.elastic.co: Logstash
mariadb.mmontes.io: MariaDB
medusa.k8ssandra.io: MedusaBackupJob MedusaTask
metrics.keptn.sh: Analysis KeptnMetric
microgateway.airlock.com: *
minio.min.io: Tenant
monitoring.coreos.com: Alertmanager Prometheus ThanosRuler
networking.gke.io: ManagedCertificate
networking.k8s.io: Ingress
nmstate.io: NodeNetworkConfigurationPolicy
notification.toolkit.fluxcd.io: Receiver
numaflow.numaproj.io: InterStepBufferService MonoVertex Pipeline Vertex
numaplane.numaproj.io: ISBServiceRollout MonoVertexRollout NumaflowControllerRollout PipelineRollout
objectbucket.io: ObjectBucketClaim
ocs.openshift.io: StorageCluster
onepassword.com: OnePasswordItem
openfaas.com: Function
opentelemetry.io: OpenTelemetryCollector
operator.knative.dev: KnativeEventing KnativeServing
operator.openshift.io: IngressController
operator.victoriametrics.com: *
operators.coreos.com: Subscription
pkg.crossplane.io: Provider
platform.confluent.io: Connect Connector ControlCenter Kafka KsqlDB SchemaRegistry Zookeeper
policies.kyverno.io: DeletingPolicy GeneratingPolicy ImageValidatingPolicy MutatingPolicy
policies.kyverno.io: NamespacedDeletingPolicy NamespacedGeneratingPolicy NamespacedImageValidatingPolicy
policies.kyverno.io: NamespacedMutatingPolicy NamespacedValidatingPolicy ValidatingPolicy
policy: PodDisruptionBudget
policy.open-cluster-management.io: CertificatePolicy ConfigurationPolicy OperatorPolicy Policy
postgresql.cnpg.io: Backup Cluster Database
proclaim.dogmatiq.io: DNSSDServiceInstance
projectcontour.io: ExtensionService HTTPProxy
promoter.argoproj.io: ArgoCDCommitStatus ChangeTransferPolicy ClusterScmProvider CommitStatus
promoter.argoproj.io: GitCommitStatus GitRepository PromotionStrategy PullRequest ScmProvider
promoter.argoproj.io: TimedCommitStatus WebRequestCommitStatus
psmdb.percona.com: PerconaServerMongoDB
pulumi.com: Stack
pxc.percona.com: PerconaXtraDBCluster
rabbitmq.com: Binding Exchange Permission Policy Queue RabbitmqCluster Shovel User Vhost
rds.aws.crossplane.io: DBCluster DBInstance
rollouts.kruise.io: Rollout
route.openshift.io: Route
route53.aws.crossplane.io: ResourceRecordSet
s3.aws.crossplane.io: Bucket
services.cloud.sap.com: ServiceBinding ServiceInstance
serving.knative.dev: Service
serving.kserve.io: InferenceService LLMInferenceService
snapshot.storage.k8s.io: VolumeSnapshot VolumeSnapshotContent
solr.apache.org: SolrCloud
source.toolkit.fluxcd.io: Bucket GitRepository HelmChart HelmRepository OCIRepository
sparkoperator.k8s.io: SparkApplication
spot.io: SpotDeployment
stacks.crossplane.io: ClusterStackInstall
tekton.dev: PipelineRun TaskRun
tower.ansible.com: AnsibleJob
trident.netapp.io: TridentBackendConfig TridentOrchestrator
trust.cert-manager.io: Bundle
velero.io: Backup Restore Schedule
work.karmada.io: ClusterResourceBinding ResourceBinding
zookeeper.pravega.io: ZookeeperCluster
"""


_BY_GROUP: dict[str, set[str]] = {}
for _line in _CHECKED.split("\n"):
    _group, _, _kinds = _line.partition(": ")
    _BY_GROUP.setdefault("" if _group == "core" else _group, set()).update(_kinds.split())


def has_health_check(kind: Kind) -> bool:
    """Whether Argo CD waits for objects of the kind to become healthy without being told how."""
    if {kind.name, "*"} & _BY_GROUP.get(kind.group, set()):
        return True
    return any(group.startswith("*") and kind.group.endswith(group[1:]) for group in _BY_GROUP)
