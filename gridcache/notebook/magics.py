"""The magics as IPython sees them: options, errors, display."""

from argparse import Namespace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
    output_can_be_silenced,
)

from gridcache.config import load_config
from gridcache.errors import ConfigError
from gridcache.keys import text_key
from gridcache.notebook.arguments import CELL, KEYS, STATS, parse_line
from gridcache.notebook.cell import RefusedCellError
from gridcache.notebook.html import cache_html
from gridcache.notebook.session import CellOptions, cached_cell
from gridcache.units import parse_duration

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["GridCacheMagics"]


@magics_class
class GridCacheMagics(Magics):
    """`%%grid_cache`, `%grid_stats`, `%grid_keys`."""

    shell: Any

    def __init__(self, shell: Any = None, **kwargs: Any) -> None:
        super().__init__(shell, **kwargs)
        self._caches: dict[str, GridCache] = {}

    @output_can_be_silenced
    @no_var_expand
    @cell_magic
    def grid_cache(self, line: str, cell: str) -> Any:
        """Run a cell once, and restore its variables ever after.

        It runs again when its code (not its comments), a value it reads, or its NAME
        changes; a restart of the kernel changes nothing.

        ::

            %%grid_cache NAME [-i INPUT]... [-o OUTPUT]... [--ignore INPUT]...
                              [--ttl 1h] [--force] [--namespace NAMESPACE]

            -i, --input    an input that the analysis does not see; the others count too
            -o, --output   keep these variables alone, not all that the cell assigns
            --ignore       an input that the result does not depend on
            --ttl          how long the result is kept
            --force        run the cell, whatever is kept
            --namespace    namespace of the store
        """
        try:
            args = parse_line(CELL, line)
            return cached_cell(
                self.shell.transform_cell(cell),
                _options(
                    args,
                    quiet=self.shell.displayhook.semicolon_at_end_of_expression(cell),
                ),
                self.shell,
                self._cache(args),
            )
        except (RefusedCellError, ConfigError) as error:
            raise UsageError(str(error)) from None

    @line_magic
    def grid_stats(self, line: str) -> None:
        """Show sizes, hits and evictions: `%grid_stats [--namespace NAMESPACE]`."""
        cache = self._cache(_parsed(STATS, line))
        data = {"text/plain": repr(cache), "text/html": cache_html(cache.stats())}
        self.shell.display_pub.publish(data)

    @line_magic
    def grid_keys(self, line: str) -> list[str]:
        """List the keys that match: `%grid_keys [GLOB] [--namespace NAMESPACE]`."""
        args = _parsed(KEYS, line)
        keys = map(text_key, self._cache(args).keys())
        return [key for key in keys if fnmatchcase(key, args.glob)]

    def _cache(self, args: Namespace) -> "GridCache":
        from gridcache.cache import GridCache  # noqa: PLC0415 - loads lmdb and numpy

        name = args.namespace or load_config().namespace
        if name not in self._caches:
            self._caches[name] = GridCache(name)
        return self._caches[name]


def _parsed(parser: Any, line: str) -> Namespace:
    try:
        return parse_line(parser, line)
    except RefusedCellError as error:
        raise UsageError(str(error)) from None


def _options(args: Namespace, *, quiet: bool) -> CellOptions:
    return CellOptions(
        name=args.name,
        inputs=tuple(args.input),
        outputs=tuple(args.output),
        ignored=frozenset(args.ignore),
        ttl_s=parse_duration(args.ttl) if args.ttl else None,
        force=args.force,
        quiet=quiet,
    )
