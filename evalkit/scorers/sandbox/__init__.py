"""A place to run code that a model wrote: a child process with limits and, on Linux, little else."""
