"""Values and pure functions. Knows no Docker, no network and no process."""
