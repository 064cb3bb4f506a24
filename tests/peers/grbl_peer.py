"""grbl-streamer (PyPI), a client of GRBL controllers, drives the simulated stage over a pseudo-terminal.

It boots the controller, homes it, streams a job by counting characters in the receive buffer, holds and resumes, and is
refused beyond the soft limits. Waits end with an event of the controller; PATIENCE only ends a failed check.
"""

import logging
import os
import subprocess
import sys
import tempfile
import threading

from grbl_streamer import GrblStreamer

PATIENCE = 120.0
RIG = """
schema = "rig/1"
name = "peer"
simulated = true
limits = { force_max_n = 8.0, travel_max_mm = 24.0, approach_speed_max_mm_s = 2.0 }
stage = { driver = "grbl", port = "pty/stage", axes = ["x", "y", "z"], machine_axes = ["X", "Y", "-Z"] }
force = { driver = "bench-link", port = "pty/force", sample_rate_hz = 10000, calibration = "simulated" }
pen = { driver = "bench-link", port = "pty/pen" }
sim = { seed = 1 }
"""


class Controller:
    """What the client has heard so far, and waits for more of it."""

    def __init__(self):
        self.heard = []
        self.changed = threading.Condition()
        self.client = GrblStreamer(self.take)
        self.client.setup_logging(logging.NullHandler())

    def take(self, event, *data):
        with self.changed:
            self.heard.append((event, data))
            self.changed.notify_all()

    def wait(self, what, matches, since=0):
        """The number of the first event from `since` on that matches."""
        with self.changed:
            seen = since

            def found():
                nonlocal seen
                while seen < len(self.heard):
                    event, data = self.heard[seen]
                    if matches(event, data):
                        return True
                    seen += 1
                return False

            if not self.changed.wait_for(found, PATIENCE):
                sys.exit(f"{what} did not come; the last events were {self.heard[-8:]}")
            return seen

    def state(self, name, since=0):
        return self.wait(name, lambda event, data: event == "on_stateupdate" and data[0].startswith(name), since)

    def now(self):
        with self.changed:
            return len(self.heard)


def near(what, found, wanted):
    if any(abs(a - b) > 0.002 for a, b in zip(found, wanted)):
        sys.exit(f"{what}: {found}, wanted {wanted}")


def drive(controller):
    client = controller.client
    booted = controller.wait("the banner", lambda event, _: event == "on_boot")
    client.poll_interval = 0.1
    client.poll_start()
    controller.state("Alarm", booted)
    client.homing()
    idle = controller.state("Idle", booted)
    # At rest the client asks for the parser's state, and does not count that line: during a job its "ok" would free room
    # in the receive buffer that is not there.
    asked = controller.wait("the parser's state", lambda event, data: event == "on_read" and "[GC:" in data[0], idle)
    controller.wait("its ok", lambda event, _: event == "on_rx_buffer_percent", asked)
    near("position after homing", client.cmpos, (-24.4, -24.4, -1.0))

    client.incremental_streaming = False
    client.job_new()
    points = [(x, y) for y in range(6) for x in range(10)]
    client.write("\n".join(["G21 G90 F1200"] + [f"G53 G1 X{x - 20} Y{y - 20} Z-{1 + x / 10}" for x, y in points]))
    start = controller.now()
    client.job_run()
    done = controller.wait("the end of the job", lambda event, _: event == "on_job_completed", start)
    controller.state("Idle", done)
    near("position after the job", client.cmpos, (-11.0, -15.0, -1.9))
    errors = [data for event, data in controller.heard if event == "on_error"]
    if errors:
        sys.exit(f"errors: {errors}")

    since = controller.now()
    client.send_immediately("G53 G1 Z-9 F120")
    controller.state("Run", since)
    client.hold()
    held = controller.state("Hold:0", since)
    if not -9.0 < client.cmpos[2] < -1.9:
        sys.exit(f"held at {client.cmpos}")
    client.resume()
    controller.state("Idle", held)
    near("position after the hold", client.cmpos, (-11.0, -15.0, -9.0))

    since = controller.now()
    client.send_immediately("G53 G0 Z5")
    controller.wait("the alarm", lambda event, data: event == "on_alarm" and "ALARM:2" in data[0], since)


def main(rig):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "bench.toml"), "w") as file:
            file.write(RIG)
        command = [os.path.abspath(rig), "sim", "--rig", "bench.toml", "--pty", "pty"]
        simulator = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        controller = Controller()
        try:
            if simulator.stdout.readline() != "ready\n":
                sys.exit(f"rig sim: {simulator.stderr.read()}")
            controller.client.cnect(os.path.join(folder, "pty", "stage"), 115200)
            drive(controller)
        finally:
            controller.client.disconnect()
            simulator.terminate()
            simulator.wait()
    print("grbl-streamer homed, streamed, held and resumed the simulated stage")


if __name__ == "__main__":
    main(sys.argv[1])
