"""Setting up a device: what the page at the door shows, what it asks for, and how good the counting is. Pure."""
