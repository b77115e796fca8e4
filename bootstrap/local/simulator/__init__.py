"""The process that simulates machines, kubelets, controllers and network. It starts in `__main__.py`."""
