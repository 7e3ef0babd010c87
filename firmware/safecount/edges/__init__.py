"""The only code of the device that touches the world, one file a thing."""
