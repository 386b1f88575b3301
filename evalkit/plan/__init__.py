"""A suite and its cases become trials, lazily, and a price."""
