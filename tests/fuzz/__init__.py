"""Inputs that nobody wrote in good faith, and what the product makes of them."""
