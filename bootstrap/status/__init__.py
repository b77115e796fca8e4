"""What is up, as data and as text."""
