"""An output folder as one HTML page, and its tables and figures as files."""
