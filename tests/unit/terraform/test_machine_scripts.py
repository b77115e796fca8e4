"""The scripts of user data, run here with stand-ins for the programs they call."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines import FILES, Disk

OPENSSL = '[ "$1" = x509 ] || cat >/dev/null\necho key'  # the second in the pipe reads what the first says
TOKEN = "abcdef.0123456789abcdef"

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "jq", "openssl")), reason="needs bash, jq and openssl"
)

FAKE_BOTO3 = """
import json, os
class client:
    def __init__(self, service, config): assert service == "ssm"
    def get_parameter(self, **request):
        from botocore.exceptions import ClientError
        if request["Name"] != "/there":
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": "secret"}}
    def put_parameter(self, **request): open(os.environ["SEEN"], "w").write(json.dumps(request))
"""


@pytest.fixture
def bench(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def run(bench: Disk, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return bench.run(script, SSM_PREFIX="/eco2/dev", KMS_KEY="alias/eco2-dev", **environment)


def test_join_data_is_published_as_workers_read_it(bench: Disk) -> None:
    bench.program("kubectl", "echo -n https://10.0.0.4:6443")
    bench.program("kubeadm", f"echo {TOKEN}")
    bench.program("openssl", OPENSSL)
    bench.program("parameter", f'cat >"{bench.folder}/stored"')
    done = run(bench, "bootstrap-join.sh")
    assert done.returncode == 0, done.stderr
    stored = json.loads((bench.folder / "stored").read_text(encoding="utf-8"))
    assert set(stored) == {"endpoint", "token", "ca_cert_hash"}
    assert (stored["endpoint"], stored["token"]) == ("10.0.0.4:6443", TOKEN)
    assert stored["ca_cert_hash"].startswith("sha256:") and len(stored["ca_cert_hash"]) == 71
    assert "parameter put /eco2/dev/cluster/join alias/eco2-dev" in bench.calls


def test_the_token_is_in_nobodys_arguments(bench: Disk) -> None:
    bench.program("kubectl", "echo -n https://10.0.0.4:6443")
    bench.program("kubeadm", f"echo {TOKEN}")
    bench.program("openssl", OPENSSL)
    bench.program("parameter", "cat >/dev/null")
    jq = shutil.which("jq")
    bench.program("jq", f'exec {jq} "$@"')
    assert run(bench, "bootstrap-join.sh").returncode == 0
    assert not [call for call in bench.calls if TOKEN in call]


def test_join_data_is_not_published_when_the_token_cannot_be_minted(bench: Disk) -> None:
    bench.program("kubectl", "echo -n https://10.0.0.4:6443")
    bench.program("kubeadm", "exit 1")
    bench.program("openssl", OPENSSL)
    bench.program("parameter", f'cat >"{bench.folder}/stored"')
    assert run(bench, "bootstrap-join.sh").returncode != 0
    assert not (bench.folder / "stored").exists()


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_worker_joins_with_what_it_fetched_and_leaves_no_token(bench: Disk, succeeds: bool) -> None:
    data = json.dumps({"endpoint": "10.0.0.4:6443", "token": TOKEN, "ca_cert_hash": "sha256:00"})
    bench.program("parameter", f"echo '{data}'")
    bench.program("envsubst", 'cat >/dev/null; echo "$JOIN_ENDPOINT $JOIN_TOKEN $JOIN_CA_CERT_HASH"')
    outcome = "" if succeeds else "exit 1"
    bench.program("kubeadm", f'[ "$1" = join ] || exit 0\ncat "$3" >"{bench.folder}/used"\n{outcome}')
    (bench.folder / "tmp").mkdir()
    bench.write("/etc/bootstrap/kubeadm.yaml", "x")
    done = run(bench, "worker.sh", TMPDIR=str(bench.folder / "tmp"))
    assert (done.returncode == 0) is succeeds
    assert (bench.folder / "used").read_text(encoding="utf-8").split() == [
        "10.0.0.4:6443",
        TOKEN,
        "sha256:00",
    ]
    assert list((bench.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["put", "/a", "alias/k"], {"Type": "SecureString", "KeyId": "alias/k"}),
        (["put", "/a"], {"Type": "String"}),
    ],
)
def test_a_parameter_is_written_from_stdin(
    tmp_path: Path, arguments: list[str], kind: dict[str, str]
) -> None:
    assert parameter(tmp_path, arguments, "secret").returncode == 0
    asked = json.loads((tmp_path / "seen").read_text(encoding="utf-8"))
    assert asked == {
        "Name": "/a",
        "Value": "secret",
        "Overwrite": True,
        "Tier": "Intelligent-Tiering",
        **kind,
    }


def test_a_parameter_is_read_to_stdout(tmp_path: Path) -> None:
    assert parameter(tmp_path, ["get", "/there"]).stdout == "secret"


def test_a_missing_parameter_is_one_line_and_a_failure(tmp_path: Path) -> None:
    done = parameter(tmp_path, ["get", "/missing"])
    assert done.returncode == 1
    assert done.stderr.startswith("parameter: ") and len(done.stderr.splitlines()) == 1


def parameter(folder: Path, arguments: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "boto3.py").write_text(FAKE_BOTO3, encoding="utf-8")
    command = [sys.executable, str(FILES / "parameter.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder), "SEEN": str(folder / "seen")}
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
