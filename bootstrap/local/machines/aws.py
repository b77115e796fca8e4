"""AWS as the simulated machines use it: EC2 to find themselves, SSM to publish."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

from bootstrap.local.machines.instances import Instance, parse
from bootstrap.local.machines.node import Capacity
from bootstrap.local.machines.parameters import SsmParameter

UNKNOWN_TYPE = Capacity(cpus=2, memory=8192)
LONG_POLL = 10  # seconds


class Aws:
    """`ec2` and `ssm` are boto3 clients, `port` is that of the platform's AWS."""

    def __init__(self, ec2: Any, ssm: Any, port: int) -> None:
        self._ec2, self._ssm, self._port = ec2, ssm, port
        self._capacities: dict[str, Capacity] = {}
        self._version = 0

    def instances(self) -> tuple[Instance, ...]:
        return parse(self._ec2.get_paginator("describe_instances").paginate())

    def capacity(self, type_: str) -> Capacity:
        if type_ not in self._capacities:
            self._capacities[type_] = self._ask_capacity(type_)
        return self._capacities[type_]

    def parameters(self, path: str) -> dict[str, str]:
        """The decrypted values of all parameters below `path`, by name."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True, WithDecryption=True
        )
        return {item["Name"]: item["Value"] for page in pages for item in page["Parameters"]}

    def put(self, parameter: SsmParameter) -> None:
        secure = (
            {"Type": "SecureString", "KeyId": parameter.key_id} if parameter.key_id else {"Type": "String"}
        )
        self._ssm.put_parameter(Name=parameter.name, Value=parameter.value, Overwrite=True, **secure)

    def wait(self, stop: threading.Event) -> None:
        """Wait until EC2 may have changed, at most `LONG_POLL` seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LONG_POLL + 5)
        try:
            connection.request("GET", f"/_bootstrap/changes?after={self._version}&timeout={LONG_POLL}")
            self._version = int(json.loads(connection.getresponse().read())["version"])
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            stop.wait(1.0)  # it is being restarted
        finally:
            connection.close()

    def _ask_capacity(self, type_: str) -> Capacity:
        found = self._ec2.describe_instance_types(InstanceTypes=[type_])["InstanceTypes"]
        if not found:
            return UNKNOWN_TYPE
        return Capacity(found[0]["VCpuInfo"]["DefaultVCpus"], found[0]["MemoryInfo"]["SizeInMiB"])
