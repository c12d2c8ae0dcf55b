"""The exception that every call to EC2 fails with."""

from ebs_backup.model.codes import Kind
from ebs_backup.model.values import Problem


class Ec2Error(Exception):
    """A call to EC2 that failed, with EC2's code (or, where no answer came, botocore's exception name)."""

    def __init__(self, operation: str, code: str, message: str, kind: Kind) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.code = code
        self.kind = kind
        self.problem = Problem(operation, code, message)
