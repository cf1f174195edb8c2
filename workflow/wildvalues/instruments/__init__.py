"""The instruments that read a facet off a conversation: the language model, and those that need none or less of it.

One door, `dispatch.decide`: a group of facets goes in with the instrument that ``params.yaml`` names for it, and
comes back decided, or left to the language model. A new instrument is a module here and a case there.
"""
