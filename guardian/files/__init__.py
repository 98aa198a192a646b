"""Text of any file: YAML with positions and limits, units, findings with carets.

What a rule file or a configuration means is not known here.
"""
