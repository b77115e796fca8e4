"""AWS for the local platform: moto's server, patched where it differs from AWS, with its state on disk.

`server.py` runs it; `patches/` has one module for each difference; `override.py` points Terraform at it.
"""
