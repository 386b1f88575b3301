"""A place for code that a model wrote: a child process with limits and, on Linux, fences."""
