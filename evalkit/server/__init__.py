"""The Messages API on loopback: a simulated model, and a real local one."""
