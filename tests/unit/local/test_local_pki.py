"""Certificates are accepted where they must be, and only there; the kubeconfig fits into SSM."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from bootstrap.local.pki.cluster import KUBECONFIGS, LEAVES, Pki

SSM_LIMIT = 4096  # bytes of a standard parameter


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki") / "with space", "https://127.0.0.1:6443")
    assert not made.complete()
    made.create()
    return made


def certificate(pki: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())


def test_all_of_it_is_there_and_private(pki: Pki) -> None:
    assert pki.complete()
    for leaf in LEAVES:
        assert pki.key(leaf.name).stat().st_mode & 0o777 == 0o600
    assert all(pki.kubeconfig(name).exists() for name in KUBECONFIGS)


@pytest.mark.parametrize("name", [leaf.name for leaf in LEAVES if leaf.server])
def test_servers_are_trusted_on_loopback(pki: Pki, name: str) -> None:
    store = Store([certificate(pki, "ca")])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName("localhost"))
    assert verifier.verify(certificate(pki, name), [])


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_every_certificate_is_signed_by_its_own_authority_only(pki: Pki, leaf: object) -> None:
    assert hasattr(leaf, "by")
    assert hasattr(leaf, "name")
    found = certificate(pki, leaf.name)
    found.verify_directly_issued_by(certificate(pki, leaf.by))
    other = "front-proxy-ca" if leaf.by == "ca" else "ca"
    with pytest.raises((ValueError, VerificationError)):
        found.verify_directly_issued_by(certificate(pki, other))


def test_the_administrator_is_one(pki: Pki) -> None:
    config = json.loads(pki.kubeconfig("admin").read_text())
    user = config["users"][0]["user"]
    subject = x509.load_pem_x509_certificate(b64decode(user["client-certificate-data"])).subject
    assert subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"


def test_the_kubeconfig_fits_into_a_standard_parameter(pki: Pki) -> None:
    assert len(pki.kubeconfig("admin").read_bytes()) < SSM_LIMIT
