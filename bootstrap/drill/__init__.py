"""A drill: an environment is made, checked and removed, and the night is compared with earlier ones.

model.py    DrillResult: what one drill measured
judge.py    DrillResult and earlier results → Regressions; pure
ledger.py   Nights in files
junit.py    DrillResult → JUnit XML; pure
"""
