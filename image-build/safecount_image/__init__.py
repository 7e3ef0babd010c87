"""Builds the card's image: build.py has the order of the steps, docs/image.md what comes out."""
