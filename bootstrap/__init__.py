"""From an empty AWS account to a healthy, GitOps-run Kubernetes cluster, and back to nothing.

Read in this order: `plan.py` (the steps as data), one module of `steps/`, `run/runner.py` (the only loop),
`kubernetes/health/` (a pure core), `targets/` (what differs between AWS and the local platform).
"""

__version__ = "0.2.0"
