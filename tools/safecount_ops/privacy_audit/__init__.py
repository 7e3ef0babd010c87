"""Attacks on the release path of the device, as it is built: what can be told of a person from all that comes out of it.

The real aggregator and its real noise are run tens of thousands of times with a visit and without it. What tells the two
apart is turned into a lower bound on epsilon, and compared with what is declared (docs/adr/0023-privacy-audit.md).
"""
