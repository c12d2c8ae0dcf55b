import pytest

from ebs_backup.aws.ec2 import Region
from sandbox.ec2 import Simulator
from tests.unit.apply.runs import Runs


@pytest.fixture
def runs(ec2: Simulator, region: Region) -> Runs:
    return Runs(ec2, region)
