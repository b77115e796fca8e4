"""The cluster's network as the API server uses it: to reach webhooks and aggregated APIs behind Services.

routes.py      Service IP → the program that answers for it
answers.py     pure: what a simulated program answers
injection.py   fills in the caBundle of webhooks that simulated programs serve
egress.py      the proxy that the API server's egress selector uses
"""
