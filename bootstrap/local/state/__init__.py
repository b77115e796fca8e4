"""What the processes of one platform share, on disk.

layout.py  its files and folders
ports.py   its block of loopback ports
credentials.py   who may use its AWS and its proxy
site.py    all of that together with programs and region, saved for each process to load
"""
