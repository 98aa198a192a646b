"""Pure decisions: values in, values out.

Nothing here does I/O, reads a clock, draws random numbers, logs, or knows a vendor; `now` is
always an argument. What needs any of that belongs in `engine` or in an adapter.
"""
