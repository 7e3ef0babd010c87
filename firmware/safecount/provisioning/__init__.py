"""From blank to enrolled and back. Pure: a state table, and what belongs to each of its states."""
