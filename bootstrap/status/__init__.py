"""What is up: `model` is the data, `collect` looks, `overview` is the cluster's share, `render` shows it."""
