"""A drill: an environment is made, checked and removed, and its result is compared with earlier ones.

model.py    DrillResult: what one drill measured
judge.py    DrillResult and earlier results → Regressions; pure
ledger.py   the results in files
junit.py    DrillResult → JUnit XML; pure
"""
