"""Many devices at once, with real envelopes of real crowds, against a collector: to see what load it bears."""
