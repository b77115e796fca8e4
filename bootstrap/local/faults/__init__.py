"""`bootstrap up --fault NAME`: injects a known failure, so that a team can practise its runbook.

catalogue/*.yaml  the faults as data; the name of a file is the id of the cause
fault.py          a file → Fault
overlay.py        Faults → files added to the published GitOps tree; the user's files stay unchanged
pods.py           the status and events that a kubelet writes for a failing pod
cluster.py        faults that manifests cannot cause: a node without network, Argo CD without a permission
"""
