"""The words of the job as values, and what is read into them; imports nothing else of the package."""
