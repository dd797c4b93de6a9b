"""Prints processor seconds (best of three), bytes of memory at its highest, and requests of a run and its metrics."""

import resource
import sys
import time

from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER

RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main(requests: int) -> None:
    simulation = CIRCUIT_BREAKER
    usual = simulation.parse({})
    simulation.measure(simulation.run(usual, 0))  # compiles
    rate_per_s = requests / (simulation.requests(usual) / usual.arrival_rate_per_s)
    # The bound on a run's size is the form's; the kernel has none.
    params = usual.model_copy(update={"arrival_rate_per_s": rate_per_s})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    laps_s = []
    for _ in range(3):
        started = time.process_time()
        result = simulation.run(params, 1)
        simulation.measure(result)
        laps_s.append(time.process_time() - started)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(min(laps_s), (after - before) * RSS_UNIT, result.arrival_s.size)


if __name__ == "__main__":
    main(int(sys.argv[1]))
