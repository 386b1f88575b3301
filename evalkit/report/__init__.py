"""One Report value, many pages. Reporters compute nothing."""
