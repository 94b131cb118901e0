"""Results in other people's formats: one file a format, each a pure function of results."""
