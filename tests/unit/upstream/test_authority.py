from __future__ import annotations

import os
import select
import socket
import ssl
import stat
import struct
import threading
from pathlib import Path

import pytest
from cryptography import x509

from bootstrap.local.pki import certificates as module
from bootstrap.local.pki.authority import Authority, system_certificates, write_bundle


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """The protocol agreed on. Raises what the client raises."""
    one, other = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(other, server_side=True) as secure:
                secure.recv(1)
        except OSError:
            other.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(one, server_hostname=name) as secure:
            return secure.version()
    finally:
        one.close()
        thread.join()


def trusting(pem: bytes) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize("host", ["charts.example.com", "127.0.0.1", f"{'long.' * 20}example.com"])
def test_a_client_that_trusts_the_authority_accepts_its_hosts(tmp_path: Path, host: str) -> None:
    authority = Authority.open(tmp_path)
    assert handshake(authority.context(host), trusting(authority.pem), host) == "TLSv1.3"


def test_another_host_or_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path)
    context = authority.context("a.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(context, trusting(authority.pem), "b.example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context, trusting(Authority.open(tmp_path / "other").pem), "a.example.com")


def test_it_is_kept_and_its_key_is_private(tmp_path: Path) -> None:
    first = Authority.open(tmp_path)
    assert Authority.open(tmp_path).pem == first.pem
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_a_broken_or_ageing_one_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Authority.open(tmp_path).pem
    (tmp_path / "ca.key").write_text("cut off")
    second = Authority.open(tmp_path).pem
    assert second != first
    expiry = x509.load_pem_x509_certificate(second).not_valid_after_utc
    monkeypatch.setattr(module, "_now", lambda: expiry - 2 * module._DAY)
    assert Authority.open(tmp_path).pem != second


def test_a_key_of_another_certificate_is_not_used(tmp_path: Path) -> None:
    Authority.open(tmp_path / "other")
    first = Authority.open(tmp_path).pem
    (tmp_path / "other" / "ca.key").replace(tmp_path / "ca.key")
    assert Authority.open(tmp_path).pem != first


def test_the_bundle_holds_the_systems_certificates_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.pem"
    system.write_bytes(Authority.open(tmp_path / "system").pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    authority = Authority.open(tmp_path)
    write_bundle(tmp_path / "bundle.pem", authority)
    assert (tmp_path / "bundle.pem").read_bytes() == authority.pem + system.read_bytes()


def test_without_a_system_bundle_there_is_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    nothing = ssl.DefaultVerifyPaths("", "", "SSL_CERT_FILE", "/nowhere", "SSL_CERT_DIR", "/nowhere")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    assert b"BEGIN CERTIFICATE" in system_certificates()


def test_a_client_that_is_gone_before_the_handshake_leaves_nothing_open(tmp_path: Path) -> None:
    context = Authority.open(tmp_path).context("served.example.com")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it ends with a reset
    client.close()
    assert select.select([server], [], [], 30)[0], "the reset has come"
    descriptor = server.fileno()
    with pytest.raises(OSError, match=r"reset|not connected|descriptor"):
        context.wrap_socket(server, server_side=True)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
