"""The scale for the speed of `rig analyze` on press captures: a plain numpy and scipy script that fits the like.

    python3 tests/benches/presses.py CAPTURE.json ...      # numpy and scipy from PyPI

It reads each CSV, takes offset, drift and 50 Hz hum out of the rows without contact, finds face and tip by a power law
fitted with a baseline, and penetration by the line of the unloading. It checks nothing and knows no uncertainty.
"""

import time

began = time.perf_counter()
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

imported = time.perf_counter()
reading = fitting = 0.0


def law(x, contact, stiffness, power):
    return stiffness * np.clip(x - contact, 0.0, None) ** power


def without_background(t, force, quiet):
    x = (t - t.mean()) / np.ptp(t)
    columns = [np.ones_like(x), x, x * x]
    for harmonic in (1, 2, 3):
        phase = 2 * np.pi * 50.0 * harmonic * t
        columns += [np.sin(phase), np.cos(phase)]
    basis = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(basis[quiet], force[quiet], rcond=None)
    return force - basis @ solution


def contact(x, force):
    noise = force[: max(20, len(force) // 10)].std()
    touched = np.flatnonzero(force > 8 * noise)
    first = touched[0] if len(touched) else len(x) - 1
    window = slice(max(0, first - 400), min(len(x), first + 400))
    start = (x[first] - 0.02, max(force[window].max(), 1e-3), 1.5)
    return curve_fit(law, x[window], force[window], start, maxfev=2000)[0][0]


for name in sys.argv[1:]:
    mark = time.perf_counter()
    header = json.loads(Path(name).read_text())
    data = Path(name).with_name(header["data"])
    t, force, stage = np.loadtxt(data, delimiter=",", skiprows=1, usecols=(0, 1, 2), unpack=True)
    phase = np.loadtxt(data, delimiter=",", skiprows=1, usecols=3, dtype="U8")
    reading += time.perf_counter() - mark
    mark = time.perf_counter()
    touch, press, withdraw = (np.flatnonzero(phase == p) for p in ("touch", "press", "withdraw"))
    quiet = np.concatenate([touch[: len(touch) // 3], press[: len(press) // 3]])
    force = without_background(t, force, quiet)
    x = stage - header["compliance_mm_per_n"] * force
    try:
        face, tip = contact(x[touch], force[touch]), contact(x[press], force[press])
        high = withdraw[force[withdraw] > 0.5 * force[withdraw].max()]
        slope, zero = np.polyfit(x[high], force[high], 1)
        print(f"{data.name} protrusion {face - tip:.4f} penetration {face + zero / slope:.4f}")
    except (RuntimeError, ValueError, TypeError, np.linalg.LinAlgError) as error:
        print(f"{data.name} {error}")
    fitting += time.perf_counter() - mark

print(
    f"imports {imported - began:.2f} s, reading {reading:.2f} s, fitting {fitting:.2f} s",
    file=sys.stderr,
)
