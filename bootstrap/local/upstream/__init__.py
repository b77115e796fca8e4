"""The local platform's way to the internet: a proxy that answers for what cannot be reached.

    config.py         Config (the process's JSON file), environment(): how programs are sent through the proxy
    __main__.py       the process: `python -m bootstrap.local.upstream --config FILE`; GET /_bootstrap/ready
    proxy.py          CONNECT, tunnels, TLS (pki/authority.py); message.py, forward.py: HTTP
    services.py       START HERE: which service answers what
    publication.py    the work tree as a Git repository; demand.py: what its manifests ask for; git_service.py
    helm_repository.py, oci_registry.py, remote_files.py    the services, over charts.py and origins.py:
    client.py, cache.py, toolchain_files.py, definitions.py + standin.py    where a chart can come from
    journal.py        served.jsonl: what came from where

Each upstream host is asked once whether it is reachable. If it is, what it serves is passed on and cached,
and what it lacks is an error, as in production.

Stand-in definitions (`standins/*.yaml`, one or more documents a file; keys as in definitions.py)
------------------------------------------------------------------------------------------------
    match: {chart: NAME}                # Helm and OCI charts of that name, whatever repository and version
    match: {url_suffix: "/a/b.yaml"}    # or: files whose URL ends so; the longest suffix wins
    crds:                               # permissive, with a status; in a chart they lie in crds/
      - {group: g.io, kind: Thing, plural: things, scope: Namespaced, versions: [v1], short_names: [th]}
    service_accounts: ["{{fullname}}", {name: other, namespace: ns, values: path.in.values}]
    workloads:
      - name: "{{fullname}}"            # the default
        kind: Deployment                # or StatefulSet, DaemonSet, Job
        replicas: 1
        service_account: "{{fullname}}"
        rights: [{group: g.io, resources: [things, things/status]}]    # a ClusterRole and its binding
        env_from_secret: some-secret    # or a list; not optional, so the pod waits for it
        labels: {}                      # of the workload and its pods
        annotations: {}                 # of the workload
        values: path.in.values          # where its settings are; the first workload's are at the top
        containers:
          - {name: main, image: "x:1", ports: [{name: http, port: 80}, 9443], command: [], args: [], env: {}}
    services:
      - {name: "{{fullname}}", selector_of: "{{fullname}}", ports: [{name: http, port: 80, target: 8080}],
         type: ClusterIP, headless: false, labels: {}}
    extra: |                            # raw manifests; in a chart a Helm template
      kind: IngressClass …

Holes, in any string: {{fullname}} {{namespace}} {{release}} {{chart}} {{version}}. In a file, which has no
release, they are "stand-in", "default", "stand-in", "stand-in", "0".

Values applied to a workload, from its settings: replicaCount or replicas, resources, nodeSelector,
tolerations, affinity, priorityClassName, topologySpreadConstraints, imagePullSecrets (the last six also from
the top), podSecurityContext, securityContext, podAnnotations, podLabels, image.{registry,repository,tag},
extraArgs and env (list or map), envFrom, envSecretName, (extra)Volumes, (extra)VolumeMounts, enabled: false;
to a service account: serviceAccount.{name,create,annotations}. For the whole chart: fullnameOverride,
nameOverride, namespaceOverride. A CRD of a chart's definition also answers for files named
`<group>_<plural>.yaml`. A chart without a definition is one Deployment and one ServiceAccount.
"""
