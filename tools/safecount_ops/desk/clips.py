"""Finds the clip that a truth file speaks of: at the path given, under the root, beside the file, or among the assets."""

from pathlib import Path

from safecount.errors import UsageError
from safecount_ops.assets import find_asset
from safecount_ops.assets.catalogue import catalogue
from safecount_ops.desk.truth import Truth


def resolve_clip(truth: Truth, truth_file: Path, root: Path | None, given: Path | None) -> Path:
    """The path of the clip or folder of frames.

    Raises:
        UsageError: it is nowhere; the text says where it was looked for.
        AssetError: it is an asset, but could not be had.
    """
    if given is not None:
        if not given.exists():
            raise UsageError(f"There is no clip {given}.")
        return given
    places = [root] if root else []
    places += [truth_file.parent, truth_file.parent.parent]
    for place in places:
        if (place / truth.clip).exists():
            return place / truth.clip
    # "vtest.avi, from the Debian package opencv-doc": the name stands before the comma, perhaps in a folder.
    parts = Path(truth.clip.split(",")[0].strip()).parts
    for asset in catalogue():
        if {asset.name, asset.file} & set(parts):
            inside = parts[next(n for n, part in enumerate(parts) if part in (asset.name, asset.file)) + 1 :]
            return find_asset(asset.name).joinpath(*inside)
    looked = ", ".join(str(place) for place in places)
    raise UsageError(
        f"The clip '{truth.clip}' of {truth_file} is not in {looked}; name its folder with --root, or give its path."
    )
