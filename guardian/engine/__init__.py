"""The imperative shell: observe, judge, decide, record, act, tell. No vendor's SDK."""
