"""kill -9 over `up` and `down`, hundreds of times, on the local platform: run.py says how."""
