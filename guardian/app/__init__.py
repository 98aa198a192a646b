"""What people, pipelines and programs can ask of guardian: one function a use case, over ports.

Requests and results are typed values; nothing here reads a command line or renders a line for a
terminal. Whoever calls brings what the functions need: the journal and the clock (`Records`).
"""
