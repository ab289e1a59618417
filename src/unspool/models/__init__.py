"""embed -> backbone -> pool -> head."""
