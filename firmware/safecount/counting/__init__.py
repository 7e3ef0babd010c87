"""Frames to crossings to noisy counts. Pure: numpy and the standard library only, no clock, no I/O."""
