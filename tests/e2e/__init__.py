"""End to end: the module applied by Terraform to the local AWS, which is closed when these tests are through."""
