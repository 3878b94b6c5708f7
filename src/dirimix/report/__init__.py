"""A result folder as a page, and its tables and figures as files."""
