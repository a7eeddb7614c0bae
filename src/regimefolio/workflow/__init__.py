"""The main job as files: a workspace, a coordinator, and four phases that speak through files alone."""

from regimefolio.workflow.coordinator import Coordinator, PhaseStep
from regimefolio.workflow.phases import PHASES
from regimefolio.workflow.spec import WorkflowSpec
from regimefolio.workflow.workspace import Workspace

__all__ = ["PHASES", "Coordinator", "PhaseStep", "WorkflowSpec", "Workspace"]
