"""The forms in which a class comes from a learning platform: one module each, and `forms` tells which one a source has."""
