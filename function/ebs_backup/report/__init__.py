"""The fourth step: tells what came of a run, to people and to machines."""

import ebs_backup.report.page  # noqa: F401 - stopgap: metrics and page import each other
