#!/bin/bash
# A worker: waits for the control plane's join data and joins. Every attempt fetches it anew, so an expired token heals.
set -euo pipefail

[ -f /etc/kubernetes/kubelet.conf ] && exit 0

# A parameter that cannot be read is not one that is missing: this fails then, and says so.
while
  data=$(parameter find "$SSM_PREFIX/cluster/join") || exit
  [ -z "$data" ]
do
  sleep 5
done

JOIN_ENDPOINT=$(jq -r .endpoint <<<"$data")
JOIN_TOKEN=$(jq -r .token <<<"$data")
JOIN_CA_CERT_HASH=$(jq -r .ca_cert_hash <<<"$data")
export JOIN_ENDPOINT JOIN_TOKEN JOIN_CA_CERT_HASH

config=$(mktemp)
trap 'rm -f "$config"' EXIT
envsubst </etc/bootstrap/kubeadm.yaml >"$config"
kubeadm reset -f >/dev/null 2>&1 || true # an attempt that broke off leaves files that stop the next
kubeadm join --config "$config"
