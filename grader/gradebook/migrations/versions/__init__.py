"""One file a version; one that was released is never changed."""
