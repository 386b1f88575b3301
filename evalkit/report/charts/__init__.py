"""Charts as inline SVG, drawn from the report's numbers and nothing else."""
