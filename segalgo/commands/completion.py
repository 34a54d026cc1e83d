"""The command ``segalgo completion``: what a shell needs to complete our command line."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from segalgo.commands.refusal import Refusal

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    r"""Print a shell's completion script.

    It completes commands, options, methods, models and operations:

    \b
    bash    eval "$(segalgo completion bash)"        in ~/.bashrc
    zsh     eval "$(segalgo completion zsh)"         in ~/.zshrc
    fish    segalgo completion fish | source         in ~/.config/fish/config.fish
    """
    root = context.find_root()
    completion = get_completion_class(shell)
    assert completion is not None  # each of SHELLS comes with click
    try:
        script = completion(root.command, {}, "segalgo", "_SEGALGO_COMPLETE").source()
    except RuntimeError as error:  # a bash that is too old
        raise Refusal(" ".join(str(error).split())) from None
    click.echo(script)


def complete_models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the networks whose names begin as given, and where a shell should look for files."""
    from segalgo import models

    names = [CompletionItem(name) for name in models.available() if name.startswith(incomplete)]
    return names or [CompletionItem(incomplete, type="file")]


def complete_operations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the operations of `verify` whose names begin as given."""
    from segalgo import verify

    return [CompletionItem(name) for name in verify.operations() if name.startswith(incomplete)]
