"""The process that plays machines, kubelets for real programs, storage and network: see `__main__.py`."""
