#!/usr/bin/python3
"""SSM parameters for shell scripts: parameter get NAME; parameter find NAME; parameter put NAME [KMS_KEY].

`find` says nothing where there is no such parameter; every other trouble is an error.
Values go through stdin and stdout, never through the arguments, which anybody on the machine can read.
With a key the parameter becomes a SecureString.
"""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def main(verb, name, key=""):
    # All machines start at once and SSM takes few writes a second: slow down when told to.
    ssm = boto3.client("ssm", config=Config(retries={"mode": "adaptive", "max_attempts": 12}))
    if verb in ("get", "find"):
        try:
            sys.stdout.write(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except ClientError as error:
            if verb == "get" or error.response["Error"]["Code"] != "ParameterNotFound":
                raise
        return
    kind = {"Type": "SecureString", "KeyId": key} if key else {"Type": "String"}
    ssm.put_parameter(Name=name, Value=sys.stdin.read(), Overwrite=True, Tier="Intelligent-Tiering", **kind)


try:
    main(*sys.argv[1:])
except (BotoCoreError, ClientError) as error:
    sys.exit(f"parameter: {error}")
