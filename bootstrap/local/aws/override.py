"""Points Terraform at the local AWS: an override file, backend settings and environment. Pure.

The user's own HCL contains none of this, and the user's AWS configuration is never read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import resources

from bootstrap.local.state.credentials import Credentials

# Terraform merges them into the existing provider block:
# https://developer.hashicorp.com/terraform/language/files/override
_SETTINGS: dict[str, str | int | bool] = {
    "s3_force_path_style": True,
    "skip_credentials_validation": True,
    "skip_get_ec2_platforms": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "skip_requesting_account_id": False,  # ARNs need the account
    "max_retries": 25,
}

_BACKEND = {
    "skip_credentials_validation": "true",
    "skip_metadata_api_check": "true",
    "skip_region_validation": "true",
    "skip_requesting_account_id": "true",
    "use_path_style": "true",
}


@cache
def endpoint_keys() -> tuple[str, ...]:
    """Every service in the schema of provider 3.39.0. Calls to one that is missing would go to real AWS."""
    text = resources.files("bootstrap.local.aws").joinpath("endpoints.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def override(url: str, credentials: Credentials) -> str:
    """The content of `bootstrap_override.tf`, which sends all calls of the provider to `url`."""
    keys = {"access_key": credentials.access_key, "secret_key": credentials.secret_key}
    endpoints = "".join(f"    {key} = {_hcl(url)}\n" for key in endpoint_keys())
    settings = "".join(f"  {name} = {_hcl(value)}\n" for name, value in {**keys, **_SETTINGS}.items())
    return f'provider "aws" {{\n{settings}\n  endpoints {{\n{endpoints}  }}\n}}\n'


def backend() -> dict[str, str]:
    """Settings of the S3 backend for `-backend-config`, in addition to bucket, key and region."""
    return dict(_BACKEND)


def environment(url: str, region: str, credentials: Credentials) -> dict[str, str]:
    """Environment of Terraform: endpoint and keys of the backend; hides any other AWS configuration."""
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": region,
        "AWS_PROFILE": "",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,
    }


def _hcl(value: str | int | bool) -> str:
    """A literal in HCL, which equals JSON for values without template markers."""
    return json.dumps(value)


def client_settings(url: str, region: str, credentials: Credentials) -> Mapping[str, str]:
    """Keyword arguments of a boto3 client."""
    return {
        "endpoint_url": url,
        "region_name": region,
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
    }
