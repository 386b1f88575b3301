"""Everything a user wrote down, read and checked."""
