#!/bin/bash
# The control plane: kubeadm init, a network, and what others need to reach it.
set -euo pipefail

STATE=/var/lib/bootstrap
export KUBECONFIG=/etc/kubernetes/admin.conf

initialise() {
  local found ports=Port-6443,Port-10250,Port-10257,Port-10259,Port-2379,Port-2380
  local manifests=FileAvailable--etc-kubernetes-manifests again=()
  found=$(cat "$STATE/cluster" 2>/dev/null || true)
  if [ -n "$found" ] && [ "$found" != "$CLUSTER" ]; then
    echo "this disk holds cluster $found, not $CLUSTER: nothing was changed"
    return 1
  fi
  [ -f "$STATE/initialised" ] && return
  if [ -n "$found" ]; then
    # An earlier attempt of ours broke off. kubeadm keeps the certificates and the etcd it finds; anybody else's
    # leftovers still stop it here.
    again=(--ignore-preflight-errors="$ports,$manifests-kube-apiserver.yaml,$manifests-kube-controller-manager.yaml,$manifests-kube-scheduler.yaml,$manifests-etcd.yaml,DirAvailable--var-lib-etcd")
    # A key or file that was half written would stop kubeadm for ever. Nothing has been signed for anybody else before
    # the keys are whole, and the files are made of them.
    [ -f "$STATE/keys" ] || rm -rf /etc/kubernetes/pki
    rm -f /etc/kubernetes/*.conf
  elif [ -f "$STATE/restored" ]; then
    again=(--ignore-preflight-errors=DirAvailable--var-lib-etcd)
  fi
  KUBERNETES_VERSION=$(kubeadm version -o short)
  export KUBERNETES_VERSION
  envsubst </etc/bootstrap/kubeadm.yaml >"$STATE/init.yaml"
  kubeadm init phase preflight --config "$STATE/init.yaml" "${again[@]}"
  echo "$CLUSTER" >"$STATE/cluster"
  if [ ! -f "$STATE/keys" ]; then
    kubeadm init phase certs all --config "$STATE/init.yaml"
    sync
    touch "$STATE/keys"
  fi
  kubeadm init --config "$STATE/init.yaml" --skip-token-print --skip-phases=preflight,certs
  touch "$STATE/initialised"
}

# Without a network no node becomes Ready. The GitOps repository owns it from its wave 5 on: never touched again here.
install_network() {
  [ -f "$STATE/network" ] || [ -f "$STATE/restored" ] && return
  local manifests="https://raw.githubusercontent.com/projectcalico/calico/$CALICO_VERSION/manifests" file
  for file in operator-crds.yaml tigera-operator.yaml; do
    curl -fsSL --retry 5 -o "$STATE/$file" "$manifests/$file"
  done
  (cd "$STATE" && sha256sum --check --strict --quiet /etc/bootstrap/calico.sha256)
  kubectl apply --server-side --force-conflicts -f "$STATE/operator-crds.yaml" -f "$STATE/tigera-operator.yaml"
  kubectl wait --for=condition=Established --timeout=60s crd/installations.operator.tigera.io
  kubectl apply --server-side -f /etc/bootstrap/calico.yaml
  touch "$STATE/network"
}

# Every node carries the taint `domain`, which kubeadm's CoreDNS does not know: it would wait for a node for ever.
place_dns() {
  [ -f "$STATE/dns" ] && return
  kubectl -n kube-system patch deployment coredns --type=json --patch \
    '[{"op": "add", "path": "/spec/template/spec/tolerations/-", "value": {"key": "domain", "operator": "Exists"}}]'
  touch "$STATE/dns"
}

publish_kubeconfig() {
  sed "s#server: .*#server: https://${API_ADDRESS:-$PRIVATE_IP}:6443#" /etc/kubernetes/admin.conf |
    parameter put "$SSM_PREFIX/cluster/kubeconfig" "$KMS_KEY"
}

install -d -m 0700 "$STATE"
/usr/local/sbin/bootstrap-restore
initialise
install_network
place_dns
publish_kubeconfig
/usr/local/sbin/bootstrap-join
systemctl enable --now bootstrap-join.timer
