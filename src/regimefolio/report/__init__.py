"""Draws what the workflow wrote: figures, tables, and one page that explains the result; computes nothing new."""

from regimefolio.report.allocation import write_allocation_report
from regimefolio.report.edits import edited_files
from regimefolio.report.ratings import must_take_page, write_ratings_report
from regimefolio.report.record import Record, read_record
from regimefolio.report.tearsheet import write_report
from regimefolio.report.verdict import first_sentence

__all__ = [
    "Record",
    "edited_files",
    "first_sentence",
    "must_take_page",
    "read_record",
    "write_allocation_report",
    "write_ratings_report",
    "write_report",
]
