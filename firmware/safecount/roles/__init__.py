"""One composition root a process: here, and only here, the parts are joined."""
