"""Which engine runs a scan. Today there is one, the eager loop; it stays the reference for every faster one."""
