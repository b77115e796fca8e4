"""Secrets in Git are found, placeholders and references are not, and no finding shows a value."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.secrets import check, credentials
from tests.lint_objects import tree

# Put together here, so that no scanner takes this file itself for a leak.
AWS = "AKIA" + "QWERTYUIOPASDFGH"
GITHUB = "ghp_" + "a1B2" * 9
GITLAB = "glpat-" + "abcdefghij0123456789"
SLACK = "xoxb-" + "1234567890-abcdef"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"
ADDRESS = "postgres://shop:" + "hunter22" + "@db:5432/shop"
CANARY = "s3cr3t-c4n4ry"


def secret(body: str) -> list[Finding]:
    text = f"kind: Application\nmetadata: {{name: a}}\n---\napiVersion: v1\nkind: Secret\n{body}"
    return list(check(tree(text), Graph()))


@pytest.mark.parametrize(
    "body",
    [
        f"metadata: {{name: s}}\nstringData: {{password: {CANARY}}}\n",
        "metadata: {name: s}\ndata: {token: czNjcjN0LWM0bjRyeQ==}\n",
        "metadata: {name: s}\ntype: kubernetes.io/tls\ndata: {tls.crt: Y2VydA==, tls.key: a2V5}\n",
        "metadata: {name: s, labels: {argocd.argoproj.io/secret-type: repository}}\n"
        f"stringData: {{url: x, password: {CANARY}}}\n",
    ],
)
def test_a_secret_with_values_is_found(body: str) -> None:
    assert [one.rule for one in secret(body)] == ["secret-in-git"]


@pytest.mark.parametrize(
    "body",
    [
        "metadata: {name: s}\n",
        "metadata: {name: s}\nstringData: {password: ''}\n",
        "metadata: {name: s}\nstringData: {password: changeme}\n",
        "metadata: {name: s}\nstringData: {password: <path:secret/data/db#password>}\n",
        "metadata: {name: s}\nstringData: {password: '${DB_PASSWORD}'}\n",
        "metadata: {name: s}\ndata: {password: 'ENC[AES256_GCM,data:x,type:str]'}\nsops: {mac: x}\n",
        "metadata: {name: s}\ndata: {ca.crt: Y2VydA==}\n",
        "metadata: {name: s}\ntype: kubernetes.io/service-account-token\n",
        "metadata: {name: s}\nstringData: {url: registry.example.com, type: helm, enableOCI: 'true'}\n",
    ],
)
def test_a_secret_without_secrets_is_not(body: str) -> None:
    assert secret(body) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"a: {AWS}", "an AWS access key"),
        (f"a: {GITHUB}", "a GitHub token"),
        (f"a: {GITLAB}", "a GitLab token"),
        (f"# left behind: {SLACK} token", "a Slack token"),
        (f"key: '{KEY}'", "a private key"),
        (f"url: {ADDRESS}", "a password in an address"),
        (f"adminPassword: {CANARY}", "the value of adminPassword"),
        (f"DB_PASSWORD: {CANARY}", "the value of DB_PASSWORD"),
        (f"awsSecretAccessKey: {CANARY}", "the value of awsSecretAccessKey"),
        (f"env: [{{name: DB_PASSWORD, value: {CANARY}}}]", "the value of DB_PASSWORD"),
        (
            f"parameters: [{{name: grafana.adminPassword, value: {CANARY}}}]",
            "the value of grafana.adminPassword",
        ),
    ],
)
def test_credentials_are_found(line: str, what: str) -> None:
    found = list(credentials("values.yaml", f"token: {{}}\n{line}\n"))
    assert [(where.line, said) for where, said in found] == [(2, what)]


@pytest.mark.parametrize(
    "line",
    [
        "passwordKey: password",
        "existingSecret: grafana-admin",
        "secretKey: POSTGRES_PASSWORD",
        "tokenSecretRef: {name: a, key: token}",
        "password: ''",
        "password: $(POSTGRES_PASSWORD)",
        'password: "{{ .Values.password }}"',
        "password: {type: string}",
        "passwordFile: /run/secrets/password",
        "privateKey: /etc/tls/tls.key",
        "automountServiceAccountToken: false",
        "env: [{name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: a, key: b}}}]",
        "url: https://git.example.com:8443/token",
        "url: amqp://eco2:{seed:messaging/password}@eco2.rabbitmq.svc",
        "example: AKIA" + "IOSFODNN7EXAMPLE",
    ],
)
def test_references_and_placeholders_are_not(line: str) -> None:
    assert list(credentials("values.yaml", f"{line}\n")) == []


def test_values_inside_text_are_looked_at_with_their_line() -> None:
    text = f"spec:\n  helm:\n    values: |\n      a: 1\n      adminPassword: {CANARY}\n"
    assert [where.line for where, _ in credentials("app.yaml", text)] == [5]


def test_a_template_that_is_no_yaml_is_searched_for_formats_only() -> None:
    text = f"{{{{- if .Values.x }}}}\npassword: {CANARY}\nkey: {AWS}\n{{{{- end }}}}\n"
    assert [said for _, said in credentials("t.yaml", text)] == ["an AWS access key"]


def test_one_secret_is_one_finding() -> None:
    found = secret(f"metadata: {{name: s}}\nstringData:\n  password: {CANARY}\n  url: {ADDRESS}\n")
    assert [one.rule for one in found] == ["secret-in-git"]


@given(st.text("abcdefghijkmnpqrstuvwyzABCDEFGHJKLMNPQRSTUVWYZ23456789", min_size=12, max_size=40))
def test_no_finding_shows_a_value(value: str) -> None:
    text = (
        f"kind: Application\nmetadata: {{name: a}}\n---\napiVersion: v1\nkind: Secret\n"
        f"metadata: {{name: s}}\nstringData: {{password: z{value}}}\n---\n"
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{password: z{value}}}\n"
    )
    found = list(check(tree(text), Graph()))
    assert {one.rule for one in found} == {"secret-in-git", "credential-in-git"}
    assert value not in json.dumps([asdict(one) for one in found])
