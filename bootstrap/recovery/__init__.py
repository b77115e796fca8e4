"""Backups and what is made of them: what one consists of, how it is kept secret, when it is refused.

A backup is the etcd snapshot, the seeds, the objects as they were at the snapshot's revision, and the
configuration, each encrypted on this machine before it leaves it, and a manifest in plain JSON that is
written last: a backup without one is none. Steps of the pipeline take and restore them (steps/backup.py,
steps/restore.py).
"""
