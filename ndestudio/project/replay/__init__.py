"""History of a project and its repetition."""
