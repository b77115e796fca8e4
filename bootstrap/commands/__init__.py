"""One module a command. Each returns an exit code; only `cli` exits."""
