#!/bin/bash
# Before a control plane begins: with the etcd of a backup, where SSM says so (bootstrap up --from-backup).
set -euo pipefail

STATE=/var/lib/bootstrap
WORK=/var/lib/bootstrap/restore
[ -f "$STATE/restored" ] || [ -f "$STATE/cluster" ] && exit 0
if [ -f "$STATE/restoring" ] && [ -d /var/lib/etcd/member ]; then # it broke off after the last step but one
  touch "$STATE/restored"
  exit 0
fi

# A parameter that cannot be read is not one that is missing: this fails then, and is tried again.
order=$(parameter find "$SSM_PREFIX/cluster/restore")
[ -n "$order" ] && [ "$(jq -r .etcd <<<"$order")" = true ] || exit 0
if [ -n "$(ls -A /var/lib/etcd 2>/dev/null)" ]; then
  echo "/var/lib/etcd is not empty and not of this cluster: it is left as it is, and nothing is restored" >&2
  exit 1
fi
backup=$(jq -r .backup <<<"$order")
until source=$(parameter find "$SSM_PREFIX/cluster/restore-source") && [ -n "$source" ] &&
  [ "$(jq -r .backup <<<"$source")" = "$backup" ]; do
  sleep 5
done

image=$(kubeadm config images list --kubernetes-version "$(kubeadm version -o short)" | grep /etcd:)
in_container() { # NAME PROGRAM...
  ctr -n k8s.io run --rm --net-host --mount "type=bind,src=$WORK,dst=$WORK,options=rbind:rw" "$image" "$@"
}

rm -rf "$WORK"
install -d -m 0700 "$WORK"
trap 'rm -rf "$WORK"' EXIT
jq -r '"url = \"" + .url + "\""' <<<"$source" | curl -fsS --retry 5 --config - -o "$WORK/sealed"
jq -r .key <<<"$source" >"$WORK/key"
openssl enc -aes-256-ctr -pbkdf2 -iter 10000 -md sha256 -d -pass "file:$WORK/key" -in "$WORK/sealed" -out "$WORK/etcd.db"
rm "$WORK/sealed"
echo "$(jq -r .sha256 <<<"$source")  $WORK/etcd.db" | sha256sum --check --quiet
ctr -n k8s.io images pull "$image" >/dev/null
peer="https://$PRIVATE_IP:2380"
in_container etcd-restore etcdutl snapshot restore "$WORK/etcd.db" --data-dir "$WORK/etcd" --name "$NODE" \
  --initial-cluster "$NODE=$peer" --initial-advertise-peer-urls "$peer" \
  --bump-revision "$(jq -r .bump <<<"$source")" --mark-compacted

# What spoke of machines that are gone goes before the first API server reads it.
local_url=http://127.0.0.1:12379
in_container etcd-tidy etcd --name "$NODE" --data-dir "$WORK/etcd" --log-level warn \
  --listen-client-urls "$local_url" --advertise-client-urls "$local_url" --listen-peer-urls http://127.0.0.1:12380 &
tidy() { in_container "etcd-tidy-$1" etcdctl --endpoints "$local_url" "${@:2}"; }
for try in {1..30}; do tidy "health-$try" endpoint health && break || sleep 1; done
count=0
while read -r prefix; do
  count=$((count + 1))
  tidy "$count" del --prefix "$prefix"
done </etc/bootstrap/stale
ctr -n k8s.io tasks kill --signal SIGTERM etcd-tidy
wait

touch "$STATE/restoring"
mv -T "$WORK/etcd" /var/lib/etcd # stops where anything is there
touch "$STATE/restored"
