"""Formats that the device and the tools share: bytes in, verified value or exception out. Pure."""
