"""Prints seconds for one run of a simulation (best of three) and its requests. NUMBA_DISABLE_JIT=1 runs it plain."""

import sys
import time

from sandboxes.simulations import catalogue


def main(slug: str) -> None:
    simulation = catalogue.simulation(slug)
    params = simulation.parse({})
    simulation.run(params, 0)  # compiles
    laps_s = []
    for seed in (1, 2, 3):
        started = time.perf_counter()
        simulation.run(params, seed)
        laps_s.append(time.perf_counter() - started)
    print(min(laps_s), simulation.requests(params))


if __name__ == "__main__":
    main(sys.argv[1])
