"""The doctor: looks at everything that chatserver rests on, and says how to mend what is not well."""

from chatserver.doctor.examination import examine
from chatserver.doctor.findings import Finding

__all__ = ["Finding", "examine"]
