"""The fourth step: tells what came of a run, to people and to machines."""
