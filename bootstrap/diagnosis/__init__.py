"""Why a wave is late: wave → Application → resource → pod, event, Job, claim, node → cause → next command.

gather.py   the cluster → Picture (reads only what is needed for the pending members)
causes/     Picture → Verdicts; pure, one module a family, all listed in causes/__init__.py
words.py    Verdicts → lines for people
"""
