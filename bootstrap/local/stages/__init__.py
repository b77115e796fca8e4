"""How simulated objects behave: KWOK's Stage objects, in the YAML files beside this module.

node.yaml        ready, heartbeat
pod.yaml         ready, complete (Jobs), deleted
network.yaml     addresses of Ingresses and LoadBalancer Services
builtin.yaml     the status of built-in kinds whose controller does not run here
operators.yaml   the status that the operators of platform A report on their own kinds
"""
