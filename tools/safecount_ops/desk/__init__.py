"""What runs the counting core at a desk: evaluation, replay, and `run` with its report. Never part of a device."""
