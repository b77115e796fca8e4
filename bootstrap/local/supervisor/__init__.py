"""One daemon an environment keeps the components running that `desired/` asks for.

decide.py    pure: what should be, what is → what to do next
daemon.py    the loop: look, decide, act, tell
process.py   the edge: start, adopt, signal, measure
probe.py     the edge: does it serve?
records.py   what runs, for others to read
"""
