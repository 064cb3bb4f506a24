"""PyPI mt-sics-emulator as the balance at the other end of our mt-sics session, over two pseudo-terminals.

Usage: balance_peer.py RIG_BINARY
"""

import os
import pathlib
import select
import subprocess
import sys
import tempfile
import threading
import tty

RIG = """
schema = "rig/1"
name = "peer"
simulated = false
limits = {{ force_max_n = 8.0, travel_max_mm = 25.0, approach_speed_max_mm_s = 1.0 }}
stage = {{ driver = "zaber-ascii", port = "none/stage", microstep_mm = 0.000047625, axes = ["z"] }}
pen = {{ driver = "bench-link", port = "none/pen" }}

[force]
driver = "mt-sics"
port = "{port}"
baud = 9600
sample_rate_hz = 10
calibration = "simulated-gauge"

[force.gauge]
unit = "g"
resolution_n = 0.000001
output = "poll"
{lenient}
"""


def terminal():
    """A raw pseudo-terminal: its master, a slave that is held open, and the slave's path."""
    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave, os.ttyname(slave)


def relay(one, other):
    """A line between two masters, until the process ends."""
    while True:
        ready, _, _ = select.select([one, other], [], [])
        for source in ready:
            os.write(other if source == one else one, os.read(source, 4096))


def check(rig, folder, port, lenient):
    path = folder / "bench.toml"
    path.write_text(RIG.format(port=port, lenient="lenient_id = true" if lenient else ""))
    return subprocess.run([rig, "check", "--only", "force", "--rig", path], cwd=folder, capture_output=True,
                          text=True, timeout=60)


def main():
    rig = os.path.abspath(sys.argv[1])
    ours, theirs = terminal(), terminal()
    threading.Thread(target=relay, args=(ours[0], theirs[0]), daemon=True).start()
    emulator = pathlib.Path(sys.executable).with_name("mtsics-serial")
    peer = subprocess.Popen([emulator, "--port", theirs[2], "--profile", "mt-xs204"], stdout=subprocess.PIPE,
                            text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert "serial port" in peer.stdout.readline(), "the emulator did not open its port"
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            lenient = check(rig, folder, ours[2], True)
            assert lenient.returncode == 0, lenient.stdout + lenient.stderr
            assert "serial B246813579" in lenient.stdout, lenient.stdout
            # Its SI answers as SI, which MT-SICS does not allow: without lenient_id there is no weight, and no guess.
            strict = check(rig, folder, ours[2], False)
            assert strict.returncode == 3 and "set force.gauge.lenient_id" in strict.stderr, strict.stdout + strict.stderr
    finally:
        peer.terminate()
        peer.wait()
    print("mt-sics-emulator: identified, weighed with lenient_id, refused without")


if __name__ == "__main__":
    main()
