"""AWS for the local platform: moto's server, patched where it differs from AWS and kept over restarts.

`server.py` runs it; `patches/` has one module for each difference; `override.py` points Terraform at it.
"""
