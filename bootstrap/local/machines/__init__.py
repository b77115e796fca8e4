"""Simulated EC2 machines: do for the instances in moto what user data does on real ones.

instances.py      pure: what EC2 tells → Instance
node.py           pure: Instance → Node object
parameters.py     pure: what a machine publishes in SSM
control_plane.py  the control-plane machine: its disk, its components
etcd.py           snapshots of etcd, and a restore
recovery.py       restore a backup before the first boot
controller.py     the loop: instances as they are → control plane, nodes, parameters
"""
