"""Pods whose program really runs: KWOK simulates all pods; for a few, the real program is started as well.

programs.py    the images that can run here, and what they need; data
container.py   pure: a container of a pod spec → arguments, environment, mounted files
kubelet.py     the loop: Ready pods → components
"""
