"""Pictures: fetched, checked and saved."""
