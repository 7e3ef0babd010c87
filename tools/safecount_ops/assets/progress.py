"""Shows on stderr how far a download is: a bar on a terminal, one line elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def download_bar(text: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """A bar for one download; the callable it gives is told the bytes that have come."""
    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"Fetching {text} (about {total_bytes / 1e6:.0f} MB) ...", file=sys.stderr, flush=True)
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=total_bytes)
        yield lambda done: bar.update(task, completed=min(done, total_bytes))
