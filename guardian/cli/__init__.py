"""Commands, one module a group. Heavy imports stay inside the commands that need them."""
