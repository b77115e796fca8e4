"""Terraform as a program we run: a working copy, arguments, a stream of events, errors explained."""
