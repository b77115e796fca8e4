#!/bin/bash
# From a plain Ubuntu to a node. Every part can be repeated: the service runs this until it succeeds, and at every boot.
set -Eeuo pipefail

PHASE=starting
# What went wrong last; none once this is a node.
FAILURE=/etc/bootstrap/failure

metadata() {
  local token
  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
  curl -fsS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

# How far this machine got, for those who wait for it elsewhere: mark PHASE. What went wrong last goes with it, since
# the next attempt begins at once and may take minutes.
mark() {
  PHASE=$1
  jq -nc --arg instance "$INSTANCE_ID" --arg phase "$1" --arg message "$(cat "$FAILURE" 2>/dev/null || true)" \
    --arg time "$(date -u +%FT%TZ)" '$ARGS.named' | parameter put "$SSM_PREFIX/nodes/$NODE/status" || true
}

failed() {
  echo "while $PHASE:" >"$FAILURE"
  sed '/^To see the stack trace/d' /var/log/bootstrap-node.log | tail -n 8 | cut -c -250 >>"$FAILURE" || true
  # EC2 shows the console also where there is no way to SSM, or nothing to write there with yet.
  sed 's/^/bootstrap-node: /' "$FAILURE" >/dev/console || true
  mark failed
}

# apt believes whoever holds this key, so it is used only if it is the known one, and nothing lies beside it.
fetch_key() {
  local new=/etc/apt/keyrings/kubernetes.new found
  curl -fsSL -o "$new" "$1"
  found=$(gpg --show-keys --with-colons "$new" | sed -n '/^pub:/{n;s/^fpr:*\([0-9A-F]*\):.*/\1/p}')
  if [ "$found" != "$KUBERNETES_KEY" ]; then
    echo "$1 has the fingerprint ${found:-of no key}, not $KUBERNETES_KEY: it is not trusted"
    return 1
  fi
  mv "$new" /etc/apt/keyrings/kubernetes.asc
}

install_packages() {
  [ -f /etc/bootstrap/packages-done ] && return
  local repository="https://pkgs.k8s.io/core:/stable:/v$KUBERNETES_MINOR/deb"
  export DEBIAN_FRONTEND=noninteractive
  # A new machine installs updates by itself, and an earlier installation of ours may have broken off.
  echo 'DPkg::Lock::Timeout "300";' >/etc/apt/apt.conf.d/90-bootstrap
  dpkg --configure -a || true
  apt-get update
  apt-get install -y ca-certificates containerd curl gettext-base gnupg jq python3-boto3
  mark installing
  fetch_key "$repository/Release.key"
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.asc] $repository/ /" >/etc/apt/sources.list.d/kubernetes.list
  apt-get update
  apt-get install -y kubelet kubeadm kubectl
  apt-mark hold kubelet kubeadm kubectl
  # kubeadm only starts it: it has to come back after a reboot, too.
  systemctl enable kubelet
  touch /etc/bootstrap/packages-done
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
rm -f "$FAILURE"
mark ready
