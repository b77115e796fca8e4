#!/bin/bash
# From a plain Ubuntu to a node. Every part can be repeated: the service runs this until it succeeds, and at every boot.
set -Eeuo pipefail

metadata() {
  local token
  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
  curl -fsS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

# How far this machine got, for those who wait for it elsewhere: mark PHASE [MESSAGE]
mark() {
  jq -nc --arg instance "$INSTANCE_ID" --arg phase "$1" --arg message "${2:-}" \
    --arg time "$(date -u +%FT%TZ)" '$ARGS.named' | parameter put "$SSM_PREFIX/nodes/$NODE/status" || true
}

failed() {
  mark failed "$(tail -n 8 /var/log/bootstrap-node.log | cut -c -250)"
}

install_packages() {
  command -v kubeadm >/dev/null && return
  local repository="https://pkgs.k8s.io/core:/stable:/v$KUBERNETES_MINOR/deb"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install -y ca-certificates containerd curl gettext-base gnupg jq python3-boto3
  mark installing
  curl -fsSL "$repository/Release.key" | gpg --dearmor --yes -o /etc/apt/keyrings/kubernetes.gpg
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] $repository/ /" >/etc/apt/sources.list.d/kubernetes.list
  apt-get update
  apt-get install -y kubelet kubeadm kubectl
  apt-mark hold kubelet kubeadm kubectl
}

prepare_kernel() {
  swapoff -a
  printf 'overlay\nbr_netfilter\n' >/etc/modules-load.d/kubernetes.conf
  modprobe -a overlay br_netfilter
  printf 'net.bridge.bridge-nf-call-iptables = 1\nnet.ipv4.ip_forward = 1\n' >/etc/sysctl.d/90-kubernetes.conf
  sysctl -q --system
}

prepare_containerd() {
  [ -f /etc/bootstrap/containerd-done ] && return
  mkdir -p /etc/containerd
  containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' >/etc/containerd/config.toml
  systemctl enable containerd
  systemctl restart containerd
  touch /etc/bootstrap/containerd-done
}

INSTANCE_ID=$(metadata instance-id)
PRIVATE_IP=$(metadata local-ipv4)
PROVIDER_ID="aws:///$(metadata placement/availability-zone)/$INSTANCE_ID"
export INSTANCE_ID PRIVATE_IP PROVIDER_ID
trap failed ERR

install_packages
prepare_kernel
prepare_containerd
mark joining
/usr/local/sbin/bootstrap-role
mark ready
