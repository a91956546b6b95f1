"""What reports announce, on the channel of the operator's pages."""

from chatserver.events import Event


class ReportMade(Event, frozen=True, kw_only=True, tag="report-made"):
    """To the web processes: something was reported. A lost one costs seconds."""

    report_id: str

    def merge_key(self) -> str | None:
        return "report-made"
