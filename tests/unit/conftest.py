"""Fast by default: few examples of each property, and none fails because the machine is busy."""

from hypothesis import settings

settings.register_profile("seconds", max_examples=25, deadline=None, database=None)
settings.load_profile("seconds")
