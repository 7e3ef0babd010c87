"""Models and clips by their sha256: found in a folder, or fetched, checked and cached. Nothing is committed."""

from safecount_ops.assets.find import find_asset

__all__ = ["find_asset"]
