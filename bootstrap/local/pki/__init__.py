"""Keys and certificates of the local platform.

certificates.py  the X.509 itself: create an authority, sign a certificate, serve with it
cluster.py       the files of a control plane, as kubeadm names them, and kubeconfigs
authority.py     an authority that signs a certificate for each host that is served here
"""
