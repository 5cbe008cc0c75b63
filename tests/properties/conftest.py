"""How many examples a property is shown: sixty, or with ``--hypothesis-profile=long`` two thousand."""

from hypothesis import settings

settings.register_profile("quick", max_examples=60, deadline=None)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile("quick")
