"""wildvalues: the study *Values in the Wild* as a reproducible workflow over your own conversation logs."""

from importlib.metadata import version

__version__ = version("wildvalues")
