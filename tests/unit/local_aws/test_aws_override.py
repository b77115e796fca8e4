from __future__ import annotations

import re

from bootstrap.local.aws import override
from tests.local_credentials import LOCAL

URL = "http://127.0.0.1:4566"


def test_every_service_of_the_provider_is_sent_to_us() -> None:
    keys = override.endpoint_keys()
    assert len(keys) == len(set(keys)) == 154
    sent = re.findall(r'^    (\w+) = "(.*)"$', override.override(URL, LOCAL), re.MULTILINE)
    assert sent == [(key, URL) for key in keys]


def test_it_overrides_the_provider_alone() -> None:
    text = override.override(URL, LOCAL)
    assert re.findall(r"^\w+", text, re.MULTILINE) == ["provider"]
    assert text.count("{") == text.count("}") == 2


def test_no_aws_configuration_of_the_user_is_read() -> None:
    environment = override.environment(URL, "eu-west-1", LOCAL)
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert environment["AWS_PROFILE"] == environment["AWS_SESSION_TOKEN"] == ""
    assert environment["AWS_REGION"] == "eu-west-1"


def test_the_backend_goes_to_us_too() -> None:
    assert override.environment(URL, "eu-west-1", LOCAL)["AWS_ENDPOINT_URL_S3"] == URL
    assert override.backend()["use_path_style"] == "true"
