"""Whether this machine and account are fit for a run."""
