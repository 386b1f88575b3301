"""The wire format of the Messages API, without a socket."""
