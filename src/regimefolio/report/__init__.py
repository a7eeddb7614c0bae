"""Draws what the workflow wrote: figures, tables, and one page that explains the result; computes nothing new."""

from regimefolio.report.tearsheet import write_report

__all__ = ["write_report"]
