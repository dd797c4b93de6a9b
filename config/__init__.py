"""Settings, start-up, home and health: the room that knows all others."""
