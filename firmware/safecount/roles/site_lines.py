"""How provisioning keeps the lines that the set-up page proposes."""

from dataclasses import asdict, replace

from safecount.counting.geometry import segment
from safecount.edges.session_file import open_session
from safecount.edges.site_files import SiteFiles
from safecount.edges.small_file import read_small
from safecount.errors import UsageError
from safecount.roles.code_lines import code_lines, line_settings
from safecount.settings import FolderSettings, SiteSettings, read_site
from safecount.wire.errors import UntrustedInput
from safecount.wire.setup_session import MAX_PROPOSAL_BYTES, Proposal, decode_proposal

ANY_PICTURE = (4, 3)


def keep_proposal(folders: FolderSettings) -> bool:
    """Write what the page proposes into the site file, if a session is open and the site can have it; whether it was.

    Lines and a level that shows no more than before is all that a proposal can change. OSError if the disk fails.
    """
    if open_session(folders.session_file) is None:
        return False
    try:
        raw = read_small(folders.proposal_file, MAX_PROPOSAL_BYTES)
        site = read_site(folders.site_file)
        if raw is None or site is None:
            return False
        changed = _changed(site, decode_proposal(raw))
    except (UntrustedInput, UsageError, ValueError):
        return False
    facts = {key: value for key, value in asdict(changed).items() if key != "line"}
    SiteFiles(folders.seal, folders.uplink, folders.site_file).put_lines(facts, code_lines(changed.line))
    return True


def _changed(site: SiteSettings, proposal: Proposal) -> SiteSettings:
    """UsageError or ValueError for lines that no site can have."""
    lines = tuple(line_settings(line) for line in proposal.lines)
    for line in lines:
        segment(line, ANY_PICTURE)
    level = max(site.silhouette_level, proposal.level)
    # The names are those of SilhouetteLevel in lower case: settings/site.py holds them as its choices.
    return replace(site, line=lines, silhouettes=level.name.lower())  # type: ignore[arg-type]
