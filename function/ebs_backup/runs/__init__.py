"""What an invocation can ask for: a whole run, or a round in one region; each goes through the four steps."""
