"""Simulated EC2 machines: what user data does on a real one, done for the instances that run in moto.

instances.py      pure: what EC2 tells → Instance
node.py           pure: Instance → Node object
parameters.py     pure: what a machine publishes in SSM
control_plane.py  the control-plane machine: its disk, its components
controller.py     the loop: instances as they are → control plane, nodes, parameters
"""
