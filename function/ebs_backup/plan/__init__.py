"""The second step, pure: what is to be done and why, from what was observed. No AWS, clock or environment."""
