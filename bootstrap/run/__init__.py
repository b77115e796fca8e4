"""A run: steps as data, the loop that runs them, the events that they emit, and what is kept of a run."""
