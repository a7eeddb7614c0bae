"""`regimefolio demo` and `regimefolio run`: a workflow from its file to its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regimefolio.cli.door import Debug, Json, Quiet, door

From = Annotated[
    str | None, typer.Option("--from", metavar="PHASE", help="Run this phase and those after it, finished or not.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run, and why; write nothing.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads; as many as processors, if not said.")]

DEMO = """\b
regimefolio demo             results, report.html among them, in results/demo
regimefolio demo             again: the finished phases are found and shown

The workflow that it ran stands in results/demo/metadata/workflow.yaml: copy that file, change it, and give it to
`regimefolio run`."""

RUN = """\b
regimefolio run my.yaml                      resumes by itself
regimefolio run my.yaml --dry-run
regimefolio run my.yaml --from validation

It ends by writing report.html. A finished phase is used again unless its inputs, its configuration or regimefolio
itself changed. The phases: parameter_discovery, regime_analysis, ensemble_optimization, validation. Relative paths
start in the present folder."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=DEMO)(demo)
    app.command(epilog=RUN)(run)


@door
def demo(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the folder `demo` is made.")] = Path("results"),
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the whole chain on built-in real prices."""
    from regimefolio import api
    from regimefolio.cli.session import Session

    spec = api.read_workflow(api.demo_file()).model_copy(update={"output_dir": str(output)})
    Session(spec, json=json, quiet=quiet).run()


@door
def run(
    workflow: Annotated[Path, typer.Argument(metavar="WORKFLOW.yaml", help="A file with a section `workflow:`.")],
    first: From = None,
    dry_run: DryRun = False,
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a workflow, or what is left of it."""
    from regimefolio import api
    from regimefolio.cli.session import Session

    document = api.read_document(workflow)
    session = Session(document.parse(api.WorkflowSpec, "workflow"), threads, json, quiet)
    with document.placing("workflow"):
        if dry_run:
            session.plan(first)
        else:
            session.run(first)
