"""From raw files to numpy batches; knows numpy and pydantic, and no framework."""
