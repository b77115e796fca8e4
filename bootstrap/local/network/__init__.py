"""The cluster's network as far as the API server uses it: webhooks and aggregated APIs behind Services.

routes.py      which Service is meant, and who answers for it
answers.py     pure: what a simulated program answers
injection.py   webhooks that lack an authority get that of the simulated programs
egress.py      the proxy that the API server's egress selector points at
"""
