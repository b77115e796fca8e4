"""Why a wave is late: wave → Application → resource → pod, event, Job, claim, node → cause → next command.

picture.py  what was read, as data; no secret value is ever in it
gather.py   the cluster → Picture (reads only what is needed for the pending members)
causes/     Picture → Verdicts; pure, one module a family, all listed in causes/__init__.py
words.py    Verdicts → lines for people
"""

from bootstrap.diagnosis.gather import diagnose
from bootstrap.diagnosis.model import Outlook, Verdict

__all__ = ["Outlook", "Verdict", "diagnose"]
