"""The first step: reads what a plan depends on."""
