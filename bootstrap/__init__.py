"""From an empty AWS account to a healthy, GitOps-run Kubernetes cluster, and back to nothing.

Read in this order: `plan.py` (the steps as data), one module of `steps/`, `runner.py` (the only loop),
`kubernetes/health.py` (a pure core), `targets/` (what differs between AWS and the local platform).
"""

__version__ = "0.1.0"
