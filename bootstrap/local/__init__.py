"""The local platform: an AWS account and a Kubernetes cluster on this machine; no cloud, no Docker.

It starts in `platform.py`, which launches the supervisor. The supervisor runs three processes: `aws`,
`upstream` and `simulator`. The simulator follows the EC2 instances that Terraform creates: once there is a
control-plane instance, it has the supervisor start etcd, the API server and KWOK, and joins the nodes.

In the order of reading:

platform.py   start, status and stop, as `up`, `status` and `down` see them
state/        where a platform keeps its files, which ports it uses, what its processes know about it
components/   processes as data: command line, environment, readiness probe
supervisor/   the daemon that keeps those processes running
aws/          moto, patched where it differs from AWS, and its state on disk
machines/     what user data does on a real instance: control plane, nodes, SSM parameters
pki/          keys, certificates, kubeconfigs
simulator/    the process that wires together the machines and what acts inside the cluster:
  workloads/    pods whose program really runs (Argo CD, ESO)
  controllers/  AWS Load Balancer Controller, ExternalDNS, EBS CSI driver: what they create in AWS
  network/      webhooks and aggregated APIs, as the API server reaches them
  stages/       KWOK stages: the status of everything that is only simulated
  faults/       `up --fault NAME`
upstream/     charts, Git and files from the internet, or stand-ins for them
toolchain/    the programs, built from Go modules
"""
