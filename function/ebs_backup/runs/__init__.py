"""The work that an invocation can ask for: a run, or a round in one region; each goes through the four steps."""
