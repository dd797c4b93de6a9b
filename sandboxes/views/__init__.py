"""What the sandboxes answer, a module for each kind of page."""
