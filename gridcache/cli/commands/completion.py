"""`grid completion`."""

import click
from click.shell_completion import get_completion_class

from gridcache.cli.failures import Failure
from gridcache.cli.options import Options, command_options

__all__ = ["command"]

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@command_options
def command(_options: Options, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash: eval "$(grid completion bash)"          in ~/.bashrc
    zsh:  eval "$(grid completion zsh)"           in ~/.zshrc
    fish: grid completion fish | source           in ~/.config/fish/config.fish
    """
    root = click.get_current_context().find_root()
    name = root.info_name or "grid"
    maker = get_completion_class(shell)
    if maker is None:
        message = f"click knows no completion for {shell}; update click"
        raise Failure(message)
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    script = maker(root.command, {}, name, variable)
    # `source` would ask bash for its version; `grid completion bash` also serves
    # machines that only write the file.
    click.echo(script.source_template % script.source_vars())
