"""What Argo CD means by a sync wave, a repository and a version: one answer each, everywhere."""

from __future__ import annotations

import pytest

from bootstrap.kubernetes.argo import HOOK_WEIGHT, WAVE, kubernetes_version, same_repository, wave_of
from bootstrap.kubernetes.objects import Json


def noted(**notes: object) -> Json:
    annotations = {{"wave": WAVE, "weight": HOOK_WEIGHT}[key]: value for key, value in notes.items()}
    return {"kind": "Application", "metadata": {"name": "a", "annotations": annotations}}


@pytest.mark.parametrize(
    ("said", "wave"),
    [
        *(("3", 3), ("+3", 3), ("-3", -3), ("-0", 0), ("007", 7)),
        *(("--3", 0), ("²", 0), ("1_0", 0), ("3.0", 0), ("", 0), (" 3", 0), ("3\n", 0), ("0x3", 0)),
        *(("٣", 0), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", 0), ("9" * 10_000, 0)),
    ],
)
def test_a_wave_is_what_go_reads(said: str, wave: int) -> None:
    """strconv.Atoi, as gitops-engine's syncwaves.Wave calls it."""
    assert wave_of(noted(wave=said)) == wave


@pytest.mark.parametrize(
    ("notes", "wave"),
    [
        ({}, 0),
        ({"weight": "-5"}, -5),
        ({"wave": "2", "weight": "-5"}, 2),
        ({"wave": "0", "weight": "-5"}, 0),
        ({"wave": "two", "weight": "-5"}, -5),
        ({"wave": "two", "weight": "five"}, 0),
    ],
)
def test_helm_s_weight_counts_where_there_is_no_wave(notes: dict[str, object], wave: int) -> None:
    assert wave_of(noted(**notes)) == wave


ONE = (
    "https://git.example.com/team/platform",
    "https://git.example.com/team/platform.git",
    "https://git.example.com/team/platform.git/",
    "https://git.example.com:443/team/platform",
    "https://user@git.example.com/team/platform",
    "https://Git.Example.com/Team/Platform.git",
    "git@git.example.com:team/platform",
    "git@git.example.com:team/platform.git",
    "git@git.example.com:/team/platform.git",
    "ssh://git@git.example.com/team/platform.git",
    "ssh://git@git.example.com:22/team/platform",
    "ssh://git.example.com/team/platform/",
)


@pytest.mark.parametrize("url", ONE)
def test_one_repository(url: str) -> None:
    assert all(same_repository(url, other) for other in ONE)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/team/platform-two.git",
        "https://git.example.com/platform.git",
        "https://example.com/team/platform.git",
        "https://git.example.com:8443/team/platform.git",
        "git@git.example.com:platform.git",
        "oci://git.example.com/team/platform",
        "",
    ],
)
def test_another_repository(url: str) -> None:
    assert not any(same_repository(url, other) for other in ONE)


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("v1.34.2", "1.34.2"),
        ("v1.33.4-eks-abc123", "1.33.4"),
        ("v1.37.2+k3s1", "1.37.2"),
        ("strange", "strange"),
    ],
)
def test_versions_without_what_a_vendor_adds(told: str, version: str) -> None:
    assert kubernetes_version(told) == version
