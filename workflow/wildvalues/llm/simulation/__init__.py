"""A simulated Messages and Message Batches server for tests and benchmarks, faithful to the wire format.

``python -m wildvalues.llm.simulation --port 0 --latency-ms 200`` serves and prints its address;
`SimulatedServer` does so inside a test.
"""

from wildvalues.llm.simulation.running import SimulatedServer
from wildvalues.llm.simulation.settings import Settings

__all__ = ["Settings", "SimulatedServer"]
