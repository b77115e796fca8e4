"""The workflows and their examples: pinned, least privileged, without keys; their commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bootstrap.cli import cli
from bootstrap.core import duration

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NIGHTS = [file for file in WORKFLOWS if file.stem in {"nightly", "reap"}]  # those that sign in to AWS
CRONTAB = ROOT / ".github" / "examples" / "crontab"
CRONJOBS = [ROOT / ".github" / "examples" / "cronjob" / f"{name}.yaml" for name in ("drill", "reap")]
ROLE = ROOT / "terraform" / "modules" / "ci-role"

# What GitHub knows: https://docs.github.com/actions/reference/workflow-syntax-for-github-actions
TOP = {"name", "on", "permissions", "concurrency", "env", "defaults", "jobs", "run-name"}
JOB = {
    "name",
    "if",
    "needs",
    "runs-on",
    "timeout-minutes",
    "permissions",
    "env",
    "steps",
    "concurrency",
    "strategy",
}
STEP = {"name", "id", "if", "uses", "with", "run", "env", "shell", "working-directory", "continue-on-error"}
# A field of five: numbers, ranges, lists and steps.
FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
MOST = (59, 23, 31, 12, 7)

workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
night = pytest.mark.parametrize("file", NIGHTS, ids=lambda file: file.stem)


def read(file: Path) -> dict[str, Any]:
    """GitHub's YAML is 1.2: `on` is a word there, and no truth."""
    loaded = yaml.safe_load(re.sub(r"^on:", '"on":', file.read_text(), flags=re.MULTILINE))
    assert isinstance(loaded, dict)
    return loaded


def jobs(file: Path) -> list[dict[str, Any]]:
    return list(read(file)["jobs"].values())


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(file) for step in job["steps"]]


def scripts() -> Iterator[tuple[str, str]]:
    for file in WORKFLOWS:
        yield from ((f"{file.name}: {step['run']}", step["run"]) for step in steps(file) if "run" in step)
    yield from ((f"crontab: {line}", line.split(None, 5)[5]) for line in crontab_lines())


def crontab_lines() -> list[str]:
    lines = (line for line in CRONTAB.read_text().splitlines() if line and not line.startswith("#"))
    return [line for line in lines if not re.match(r"[A-Z]+=", line)]


def schedules() -> list[str]:
    found = [entry["cron"] for file in WORKFLOWS for entry in read(file)["on"].get("schedule", ())]
    found += [" ".join(line.split(None, 5)[:5]) for line in crontab_lines()]
    return found + [yaml.safe_load(file.read_text())["spec"]["schedule"] for file in CRONJOBS]


def test_there_are_three() -> None:
    assert [file.stem for file in WORKFLOWS] == ["nightly", "pull-request", "reap"]


@workflow
def test_only_keys_that_github_knows(file: Path) -> None:
    assert set(read(file)) <= TOP
    for job in jobs(file):
        assert set(job) <= JOB
        assert job["timeout-minutes"] <= 360  # GitHub ends a job then
    for step in steps(file):
        assert set(step) <= STEP
        assert ("uses" in step) != ("run" in step)


@workflow
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


@workflow
def test_permissions_are_the_least(file: Path) -> None:
    assert read(file)["permissions"] == {}
    for job in jobs(file):
        sign_in: dict[str, str] = {"id-token": "write"} if file in NIGHTS else {}
        assert job["permissions"] == {"contents": "read", **sign_in}
    (checkout,) = (step for step in steps(file) if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["persist-credentials"] is False


@workflow
def test_no_key_is_stored(file: Path) -> None:
    text = file.read_text()
    assert "secrets." not in text
    assert not re.search(r"aws[-_](access[-_]key|secret|session[-_]token)", text, re.IGNORECASE)
    assert not re.search(r"AKIA[0-9A-Z]{16}", text)


@night
def test_a_night_signs_in_with_its_role(file: Path) -> None:
    (sign_in,) = (step for step in steps(file) if "configure-aws-credentials" in step.get("uses", ""))
    assert sign_in["with"]["role-to-assume"] == "${{ vars.AWS_ROLE_TO_ASSUME }}"


@night
def test_a_night_installs_from_hashes_only(file: Path) -> None:
    """A job that can sign in to the account runs nothing whose content is not pinned."""
    runs = [step["run"] for step in steps(file) if "run" in step]
    assert [run for run in runs if re.search(r"\bpip|install|curl|wget", run.partition("#")[0])] == []
    made = [run for run in runs if "environment.py" in run]
    assert [shlex.split(run, comments=True) for run in made] == [["python", ".ci/environment.py", "aws"]]


@night
def test_everything_is_checked_before_the_job_signs_in(file: Path) -> None:
    listed = steps(file)
    (sign_in,) = (number for number, step in enumerate(listed) if "aws-credentials@" in step.get("uses", ""))
    checks = [step.get("run", "") for step in listed[:sign_in]]
    assert any("environment.py" in run for run in checks)
    if any("setup-terraform@" in step.get("uses", "") for step in listed):
        assert any("sha256sum --check --strict" in run for run in checks)


@workflow
def test_nothing_from_outside_is_put_into_a_script(file: Path) -> None:
    """`${{ inputs.x }}` in a script would be run; as a variable of the environment it is only text."""
    for step in steps(file):
        assert "${{" not in step.get("run", "")


@night
def test_one_at_a_time_and_never_cancelled(file: Path) -> None:
    concurrency = read(file)["concurrency"]
    assert concurrency["group"]
    assert concurrency["cancel-in-progress"] is False


def test_whatever_becomes_of_the_drill_the_reaper_runs_and_reports_are_kept() -> None:
    listed = steps(ROOT / ".github" / "workflows" / "nightly.yml")
    (drill,) = (index for index, step in enumerate(listed) if "bootstrap drill" in step.get("run", ""))
    after = listed[drill + 1 :]
    assert all(step["if"] == "always()" for step in after)
    assert any("bootstrap reap" in step.get("run", "") for step in after)
    saved = [step for step in after if "upload-artifact@" in step.get("uses", "")]
    assert "reports/" in saved[0]["with"]["path"]


def test_earlier_nights_are_kept_where_the_next_one_looks_for_them() -> None:
    listed = steps(ROOT / ".github" / "workflows" / "nightly.yml")
    restore, save = (step for step in listed if "actions/cache/" in step.get("uses", ""))
    assert restore["with"]["path"] == save["with"]["path"] == ".bootstrap/drills"
    assert restore["with"]["key"] == save["with"]["key"]
    assert save["with"]["key"].startswith(restore["with"]["restore-keys"])


@pytest.mark.parametrize(("name", "script"), list(scripts()), ids=[name for name, _ in scripts()])
def test_scripts_are_good_shell(name: str, script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), name


def commands() -> list[list[str]]:
    """Every call of ours, as words."""
    found = []
    for _, script in scripts():
        for part in re.split(r"&&|\n", script):
            words = shlex.split(part)
            if words and words[0].rpartition("/")[2] == "bootstrap":
                found.append(words[1:])
    for file in CRONJOBS:
        found.append(container(file)["command"][1:])
    return found


def container(file: Path) -> dict[str, Any]:
    (made,) = yaml.safe_load(file.read_text())["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_exist_with_these_flags_and_ask_nobody(words: list[str]) -> None:
    command = cli.commands[words[0]]
    context = command.make_context(words[0], words[1:], parent=click.Context(cli, info_name="bootstrap"))
    assert context.params["yes"] is True
    if words[0] == "drill":
        assert duration.parse(context.params["ttl"]) >= 3600


def test_all_three_ways_have_both_commands() -> None:
    assert sorted(words[0] for words in commands()) == ["drill"] * 3 + ["reap"] * 4


@pytest.mark.parametrize("schedule", schedules())
def test_schedules_are_good_cron(schedule: str) -> None:
    fields = schedule.split()
    assert len(fields) == 5
    for field, most in zip(fields, MOST, strict=True):
        assert FIELD.fullmatch(field), schedule
        assert all(int(number) <= most for number in re.findall(r"\d+", field)), schedule
    assert fields[0] not in ("0", "*")  # on the hour everybody wants everything


def test_the_crontab_has_no_line_that_cron_would_misread() -> None:
    for line in crontab_lines():
        assert "%" not in line  # cron takes it for a line break
        assert not line.endswith("\\")


@pytest.mark.parametrize("file", CRONJOBS, ids=lambda file: file.stem)
def test_cron_jobs_run_confined_one_at_a_time_and_without_keys(file: Path) -> None:
    text, spec = file.read_text(), yaml.safe_load(file.read_text())["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["activeDeadlineSeconds"] > 0
    pod = job["template"]["spec"]
    assert pod["serviceAccountName"] == "nights"
    assert pod["securityContext"]["runAsNonRoot"] is True
    confined = container(file)["securityContext"]
    assert confined["readOnlyRootFilesystem"] is True
    assert confined["capabilities"] == {"drop": ["ALL"]}
    assert "secretKeyRef" not in text
    assert "AWS_" not in text


def test_the_role_trusts_one_branch_of_one_repository() -> None:
    text = (ROLE / "main.tf").read_text()
    assert "repo:${var.repository}:ref:refs/heads/${var.branch}" in text
    assert "StringLike" not in text
    assert "*" not in text
