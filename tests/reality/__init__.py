"""Does the linter agree with reality? Platform A is broken in one place, linted, and then really run."""
