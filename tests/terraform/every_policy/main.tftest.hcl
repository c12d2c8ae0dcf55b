mock_provider "aws" {
  source          = "../../mocks"
  override_during = plan
}

run "plan" {
  command = plan
}
