"""What another user of this machine gets of a local platform: a program of the standard library alone.

`python other_user.py STATE PORTS REPOSITORY`: the platform's folder, its ports as JSON, the URL of the Git
repository. It prints, as JSON, the answer to each attempt.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT = 20.0
SCOPE = "Credential=local/20260101/ap-northeast-2/{}/aws4_request, SignedHeaders=host, Signature=0"
SSM = {"X-Amz-Target": "AmazonSSM.GetParametersByPath", "Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def main(state: Path, ports: dict[str, int], repository: str) -> dict[str, str]:
    aws, proxy, api = ports["aws"], ports["upstream"], ports["kube-apiserver"]
    git = urlsplit(repository)
    parameters = json.dumps({"Path": "/", "Recursive": True, "WithDecryption": True})
    instances = "Action=DescribeInstances&Version=2016-11-15"
    return {
        "files": ", ".join(readable(state)),
        "parameters": ask(aws, "POST", "/", {**SSM, **signed("ssm")}, parameters),
        "instances": ask(aws, "POST", "/", {**FORM, **signed("ec2")}, instances),
        "moto": ask(aws, "GET", "/moto-api/data.json", {}),
        "git": ask(proxy, "GET", f"http://{git.netloc}{git.path}/info/refs?service=git-upload-pack", {}),
        "git through a tunnel": ask(proxy, "CONNECT", f"{git.netloc}:443", {}),
        "the internet": ask(proxy, "CONNECT", "example.com:443", {}),
        "secrets": ask(api, "GET", "/api/v1/secrets", {}, tls=True),
        "etcd": ask(ports["etcd"], "POST", "/v3/kv/range", {}, '{"key": "Lw=="}', tls=True),
        "etcd's peers": ask(ports["etcd-peer"], "GET", "/members", {}),
        "etcd's peers with TLS": ask(ports["etcd-peer"], "GET", "/members", {}, tls=True),
        "egress": ask(ports["egress"], "CONNECT", "argocd-server.argocd.svc:443", {}, tls=True),
        "redis": say(ports["argocd-redis"], b"KEYS *\r\n"),
        **{f"metrics of {name}": metrics(port) for name, port in ports.items() if name not in TRIED},
    }


TRIED = ("aws", "upstream", "kube-apiserver", "etcd", "etcd-peer", "egress", "argocd-redis")


def signed(service: str) -> dict[str, str]:
    return {"Authorization": f"AWS4-HMAC-SHA256 {SCOPE.format(service)}"}


def metrics(port: int) -> str:
    plain = ask(port, "GET", "/metrics", {})
    return plain if plain.startswith("200") else ask(port, "GET", "/metrics", {}, tls=True)


def readable(state: Path) -> list[str]:
    """Files of the platform that can be read, and folders that can be listed."""
    found = [str(state)] if os.access(state, os.R_OK) else []
    for folder, _, files in os.walk(state):
        found += [str(Path(folder) / file) for file in files if os.access(Path(folder) / file, os.R_OK)]
    names = ("credentials.json", "control-plane/pki/admin.conf", "control-plane/pki/admin.key")
    return found + [name for name in names if os.access(state / name, os.R_OK)]


def ask(
    port: int, method: str, path: str, headers: dict[str, str], body: str = "", *, tls: bool = False
) -> str:
    """Status and body, or what went wrong."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=trusting)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    )
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        content = b"" if method == "CONNECT" else answer.read(1_000_000)
        return f"{answer.status} {content.decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}"
    finally:
        connection.close()


def say(port: int, words: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.settimeout(TIMEOUT)
        connection.sendall(words)
        return connection.recv(4096).decode(errors="replace")


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]), sys.stdout)
