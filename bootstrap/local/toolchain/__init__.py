"""The real programs of the local platform, built once from pinned sources and cached by content.

`recipes.py` says as data what there is; `locate.py` finds it, or names what is missing; `ensure()` makes it.
"""

from bootstrap.local.toolchain.locate import Toolchain

__all__ = ["Toolchain"]
