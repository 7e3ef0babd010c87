"""The controller's side, on a machine of its own: keys, pull, verify, open, reconcile, table, report."""
