"""regimefolio: from price bars to a validated, regime-adaptive portfolio and today's orders.

`regimefolio.api` is the public door for notebooks and scripts; `regimefolio --help` that of the command line.
"""
