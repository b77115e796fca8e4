"""The names of the steps whose deadline can be set: those of plan.py and of the targets."""

STEPS = (
    *("checks", "toolchain", "platform", "preflight", "tree", "lint", "backend", "lock", "vacancy"),
    *("lifetime", "archive", "terraform", "seeds", "access", "nodes", "eso", "argocd", "root-app"),
    *("waves", "inject-faults", "verify", "smoke"),
    *("restore-check", "restore-order", "restore-source", "restore-tidy", "restore-verify"),
    *("vault", "snapshot", "store", "keep-backups"),
    *("keep", "teardown", "sweep", "destroy", "leftovers", "dispose"),
    *("renew", "follow", "users", "settle", "outcome"),
)
