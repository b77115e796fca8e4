"""What stands in the simulated account before anything of ours: the hosted zone of the domain.

On AWS users bring it along; it is theirs, carries no tag of ours and outlives every environment.
"""

from __future__ import annotations

from typing import Any


def furnish(route53: Any, domain: str) -> None:
    """`route53` is a boto3 client. Does nothing when the zone is there."""
    zones = route53.list_hosted_zones_by_name(DNSName=domain, MaxItems="1")["HostedZones"]
    if not any(zone["Name"] == f"{domain}." for zone in zones):
        route53.create_hosted_zone(Name=domain, CallerReference=f"bootstrap-{domain}")
