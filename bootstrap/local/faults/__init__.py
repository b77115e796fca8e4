"""`bootstrap up --fault NAME`: makes a cause of the field happen here, so that a team can train its runbook.

catalogue/*.yaml  the faults as data; a file's name is the cause's id
fault.py          a file → Fault
overlay.py        Faults → files laid over the snapshot of the GitOps tree (the user's own stay untouched)
pods.py           what a kubelet would write about a pod that fails, by the pod's annotation
cluster.py        faults that manifests cannot cause: a node loses its network, Argo CD a permission; undone later
"""
