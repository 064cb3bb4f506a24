"""PyPI mettler_toledo_device as the client of our simulated balance on `rig sim --pty`.

Usage: balance_client_peer.py RIG_BINARY
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from mettler_toledo_device import MettlerToledoDevice


def main():
    rig = os.path.abspath(sys.argv[1])
    bench = pathlib.Path(__file__).resolve().parents[2] / "rigs" / "sim-mt-sics.toml"
    with tempfile.TemporaryDirectory() as folder:
        sim = subprocess.Popen([rig, "sim", "--rig", bench, "--pty", "pty", "--quiet"], cwd=folder,
                               stdout=subprocess.PIPE, text=True)
        try:
            assert sim.stdout.readline() == "ready\n", "rig sim did not start"
            # A loaded machine answers later than the client's own 50 ms.
            balance = MettlerToledoDevice(port=os.path.join(folder, "pty", "force"), timeout=1.0)
            assert balance.get_serial_number() == "B021002593"
            assert balance.get_mtsics_level()[0] == "01"
            assert "Simulated" in balance.get_balance_data()
            assert balance.get_software_version()
            value, unit, status = balance.get_weight()
            # The cell's offset of 0.12 N.
            assert unit == "g" and status in "SD" and 11.0 < value < 13.5, (value, unit, status)
            assert balance.zero() in ("S", "D")
            assert abs(balance.get_weight()[0]) < 0.2
            assert balance.zero_stable()
            stable = balance.get_weight_stable()
            assert stable and stable[1] == "g" and abs(stable[0]) < 0.1, stable
            balance.close()
        finally:
            sim.send_signal(signal.SIGTERM)
            sim.wait()
    print("mettler_toledo_device: identity, weight, zero and stable weight of the simulated balance")


if __name__ == "__main__":
    main()
