"""The collector: takes envelopes from devices, stores them durably, gives receipts, and hands them to the controller.

It cannot read a count. What it remembers lies in one database; its processes remember nothing that matters.
"""
