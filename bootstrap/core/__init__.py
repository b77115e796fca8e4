"""What every room stands on: errors, time, waiting, secrets in texts, files. Imports nothing of ours."""
