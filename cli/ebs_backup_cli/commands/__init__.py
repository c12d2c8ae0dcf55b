"""The commands, a module each. What needs boto3 or rich is imported when a command runs: `--help` goes without."""
