"""The demonstration: applies the quickstart to a local AWS, lets its schedule tick, and shows what came of it."""
