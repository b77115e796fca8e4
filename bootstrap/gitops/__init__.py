"""The GitOps repository → Tree: the root Application and all that hangs on it, rendered by the real helm and
kustomize.

Argo CD is followed in what it makes of a source; what it would fetch from another Git repository, or have
made by a plugin, is Unchecked; what it would certainly refuse, too, is Broken.

    reader.py      READ FIRST: the only way in
    model.py       the Tree, as data
    walk.py        from the root down, a level at a time
    render.py      a source → its objects: directory.py, kustomize.py (closure.py), helm.py (release.py)
    sets.py        an ApplicationSet → its Applications: generators.py, templates.py
    fetch.py       charts and remote files; store.py: what was fetched and rendered before
    installed.py   what stands before the root Application; facts.py: which parameters do
"""
