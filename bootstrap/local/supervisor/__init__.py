"""The daemon that keeps the desired components of one environment running.

decide.py    pure: desired and actual state → next actions
daemon.py    the loop: observe, decide, act, record
process.py   the edge: start, adopt and signal processes
probe.py     the edge: readiness probes
records.py   the running processes, for others to read
"""
