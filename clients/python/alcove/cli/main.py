"""The command line: its groups of commands, and what a failure looks like."""

from __future__ import annotations

import sys

import typer

from alcove import AlcoveError, ApiError, UnreachableError, __version__
from alcove.cli import (
    admin,
    asking,
    calling,
    connecting,
    conversations,
    documents,
    evals,
    exporting,
    session,
    uploading,
)
from alcove.cli.context import CommandError, Context
from alcove.cli.output import Output

# A script tells these apart, besides 2 for a wrong use and 130 for an interrupt: docs/command-line.md of the service.
_REFUSED, _NOT_SIGNED_IN, _UNREACHABLE = 1, 3, 4

app = typer.Typer(
    name="alcove",
    help="Private, cited answers over your own documents. `--json` works with every command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (session, uploading, asking, connecting, exporting, calling):
    module.add_to(app)
app.add_typer(documents.app, name="docs")
app.add_typer(conversations.app, name="conversations")
app.add_typer(evals.app, name="eval")
app.add_typer(admin.app, name="admin")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alcove {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    profile: str | None = typer.Option(
        None, envvar="ALCOVE_PROFILE", help="The profile of `alcove login` to use; by default the last one."
    ),
    url: str | None = typer.Option(None, envvar="ALCOVE_URL", help="The address of the service."),
    api_key: str | None = typer.Option(None, envvar="ALCOVE_API_KEY", help="An API key in place of a profile."),
    _version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    ctx.obj.choose(profile, url, api_key)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in arguments
    output = Output(as_json=as_json)
    try:
        with Context(output) as context:
            app(args=[argument for argument in arguments if argument != "--json"], prog_name="alcove", obj=context)
    except SystemExit as ended:
        return int(ended.code or 0)
    except CommandError as error:
        output.error("refused", str(error))
        return error.status
    except UnreachableError as error:
        output.error("unreachable", str(error))
        return _UNREACHABLE
    except ApiError as error:
        is_due = error.status == 401 or error.code in {"recent_login_required", "stale_session"}
        hint = " Sign in with `alcove login`." if is_due else ""
        output.error(error.code, f"{error}{hint}", request_id=error.request_id)
        return _NOT_SIGNED_IN if error.status == 401 else _REFUSED
    except AlcoveError as error:
        output.error("failed", str(error))
        return _REFUSED
    return 0
