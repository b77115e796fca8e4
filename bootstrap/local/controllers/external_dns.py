"""ExternalDNS: creates and deletes records for the hosts of Ingresses and Services (`policy: sync`).

TXT records mark its own records, as those of the real one (0.14) do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bootstrap.kubernetes.health.core import addresses
from bootstrap.kubernetes.objects import (
    Json,
    annotations_of,
    name,
    namespace,
    spec,
    terminating,
)
from bootstrap.local.controllers.facts import ClusterFacts

HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"
LOAD_BALANCER_ZONE = "ZWKZPGTI48KDX"  # the hosted zone of all load balancers of ap-northeast-2
TTL = 300

DnsRecord = Mapping[str, Any]
log = logging.getLogger(__name__)


def wanted(items: Iterable[Json], owner: str, domain: str) -> dict[tuple[str, str], DnsRecord]:
    """The records of the hosts below `domain`, by name (with the final dot) and type. Pure."""
    found: dict[tuple[str, str], DnsRecord] = {}
    for item in items:
        address = next(iter(addresses(item)), "")
        if not address or terminating(item):
            continue
        about = f"{item.get('kind', '').lower()}/{namespace(item)}/{name(item)}"
        for host in _hosts(item):
            if host == domain or host.endswith(f".{domain}"):
                for record in _records(host, address, owner, about):
                    found.setdefault((record["Name"], record["Type"]), record)
    return found


def owned(records: Iterable[DnsRecord], owner: str) -> dict[tuple[str, str], DnsRecord]:
    """The records that belong to `owner` by a TXT record, and those TXT records. Pure."""
    every = {(record["Name"], record["Type"]): record for record in records}
    mark = f"external-dns/owner={owner},"
    ours = {
        key
        for key, record in every.items()
        if record["Type"] == "TXT" and any(mark in entry["Value"] for entry in record["ResourceRecords"])
    }
    spoken_for = {(called.removeprefix("a-"), "A") for called, _ in ours}
    return {key: record for key, record in every.items() if key in ours | spoken_for}


def _hosts(item: Json) -> Iterator[str]:
    named = annotations_of(item).get(HOSTNAME, "")
    yield from (host.strip() for host in named.split(",") if host.strip())
    yield from (rule["host"] for rule in spec(item).get("rules") or () if rule.get("host"))


def _records(host: str, address: str, owner: str, about: str) -> Iterator[DnsRecord]:
    target = {"HostedZoneId": LOAD_BALANCER_ZONE, "DNSName": f"{address}.", "EvaluateTargetHealth": True}
    yield {"Name": f"{host}.", "Type": "A", "AliasTarget": target}
    text = f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource={about}"'
    for called in (f"{host}.", f"a-{host}."):
        yield {"Name": called, "Type": "TXT", "TTL": TTL, "ResourceRecords": [{"Value": text}]}


class ExternalDns:
    """`route53` is a boto3 client; `facts` returns owner and domain."""

    deployment = "external-dns"

    def __init__(self, route53: Any, facts: Callable[[], ClusterFacts | None]) -> None:
        self._route53, self._facts = route53, facts

    def reconcile(self, items: Iterable[Json]) -> None:
        """`items` are all Ingresses and Services."""
        facts = self._facts()
        zones = self._route53.list_hosted_zones()["HostedZones"] if facts else ()
        zone = (
            next((entry["Id"] for entry in zones if entry["Name"] == f"{facts.domain}."), "") if facts else ""
        )
        if facts is None or not zone:
            return
        pages = self._route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        there = owned((record for page in pages for record in page["ResourceRecordSets"]), facts.cluster)
        want = wanted(items, facts.cluster, facts.domain)
        changes = [
            *({"Action": "DELETE", "ResourceRecordSet": there[key]} for key in there.keys() - want.keys()),
            *({"Action": "CREATE", "ResourceRecordSet": want[key]} for key in want.keys() - there.keys()),
        ]
        if changes:
            log.info("%d records of zone %s change", len(changes), zone)
            self._route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
