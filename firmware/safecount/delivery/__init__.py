"""From a CountRecord to an envelope in the spool: sealing, chain and upload policy. Pure."""
