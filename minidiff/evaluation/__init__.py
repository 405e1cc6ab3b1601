"""Scores: distances with their floors, judges that read pictures, and tables of both."""
