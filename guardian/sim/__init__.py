"""A simulated AWS, Slack and PagerDuty on loopback, with traffic of its own.

For the demo, the tests and the benchmarks; it speaks the vendors' wire protocols and knows
nothing of the rest of guardian. `guardian.sim.server.Simulator` is the way in.
"""
