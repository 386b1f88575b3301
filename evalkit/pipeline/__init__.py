"""The use cases: collect, score, compare, estimate, doctor; callable from Python."""
