"""How simulated things behave: KWOK's Stage objects, in the YAML files beside this module.

node.yaml        ready, heartbeat
pod.yaml         ready, complete (Jobs), deleted
network.yaml     addresses of Ingresses and LoadBalancer Services
builtin.yaml     what a controller that does not run here would report on built-in kinds
operators.yaml   what the operators of platform A report on their own kinds
"""
