"""Pods whose program really runs: KWOK plays the kubelet of all pods; beside a few this starts the real one.

programs.py    which images we can run, and what they need to run here; data
container.py   pure: a container of a pod spec → arguments, environment, mounted files
kubelet.py     the loop: Ready pods → components
"""
