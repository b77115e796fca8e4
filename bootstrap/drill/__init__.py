"""A drill: an environment is made, checked and removed, and the night is compared with earlier ones.

model.py    Night: what one drill measured
judge.py    Night and earlier Nights → Regressions; pure
ledger.py   Nights in files
junit.py    Night → JUnit XML; pure
"""
