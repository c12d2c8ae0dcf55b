import os
from pathlib import Path

import pytest

from sandbox import terraform
from sandbox.terraform import Terraform, TerraformError, provider_mirror, surroundings

PLAIN = """
variable "names" { type = list(string) }

resource "terraform_data" "names" { input = var.names }

output "names" { value = terraform_data.names.output }
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "example").mkdir()
    (tmp_path / "example/main.tf").write_text(PLAIN)
    return tmp_path


@pytest.mark.terraform
def test_terraform_leaves_no_trace_in_the_folder(module: Path) -> None:
    with Terraform(module / "example", {}, within=module) as opened:
        opened.run("init", "-input=false")
        assert opened.changes_pending(names=["a", "b"])
        opened.apply(names=["a", "b"])
        assert opened.output() == {"names": ["a", "b"]}
        assert not opened.changes_pending(names=["a", "b"])
        opened.destroy(names=["a", "b"])
    assert [path.name for path in (module / "example").iterdir()] == ["main.tf"]


@pytest.mark.terraform
def test_failure_says_what_terraform_said(module: Path) -> None:
    with (
        Terraform(module / "example", {}) as opened,
        pytest.raises(TerraformError, match="No value for required variable"),
    ):
        opened.run("plan", "-input=false")


def test_aws_settings_of_this_process_do_not_reach_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/nowhere/terraformrc")
    assert not {"AWS_PROFILE", "TF_CLI_CONFIG_FILE"} & surroundings().keys()
    assert surroundings()["PATH"] == os.environ["PATH"]


def test_configuration_file_that_is_there_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "terraformrc").touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "terraformrc"))
    assert surroundings()["TF_CLI_CONFIG_FILE"] == str(tmp_path / "terraformrc")


def test_mirror_is_named_or_found_or_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(terraform, "_places", lambda: iter([tmp_path / "empty", tmp_path / "full"]))
    monkeypatch.delenv("TF_PLUGIN_DIR", raising=False)
    assert provider_mirror() is None
    (tmp_path / "full/registry.terraform.io/hashicorp/aws").mkdir(parents=True)
    assert provider_mirror() == tmp_path / "full"
    monkeypatch.setenv("TF_PLUGIN_DIR", "/named")
    assert provider_mirror() == Path("/named")
