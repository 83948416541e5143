"""What the kernel tells: machines as folders, with the files of /proc and /sys as they are."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import earlet
from earlet.bench import device

Machine = Callable[[dict[str, str]], Path]
MEMINFO = "MemTotal:        3884288 kB\nMemFree:          100000 kB\nMemAvailable:    3000000 kB\n"
PI = {  # a Raspberry Pi 4 with Raspberry Pi OS, hot and on a weak supply
    "proc/meminfo": MEMINFO,
    "proc/loadavg": "0.25 0.18 0.12 1/180 1234\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: not this one\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver": "cpufreq-dt\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000\n",
    "sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq": "1500345\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "81303\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    def machine(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return machine


def test_a_raspberry_pi_is_told_as_it_is(machine: Machine) -> None:
    root = machine(PI)
    found = device.look(root)
    assert found.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert (found.memory_mb, found.memory_available_mb) == (3978, 3072)  # kB of 1024 bytes
    assert (found.load, found.governor, found.clock_driver) == (0.25, "ondemand", "cpufreq-dt")
    assert found.clock_max_mhz == 1800
    loaded = device.under_load(root)
    assert (loaded.clock_mhz, loaded.temperature_c) == (1500, 81.303)  # of the core that works


@pytest.mark.parametrize(
    ("told", "now", "since_boot"),
    [  # https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
        ("0", (), ()),
        ("50005", ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        ("0x80008", ("too hot",), ("too hot",)),
        ("20000", (), ("clock capped",)),
        ("no number", (), ()),
        ("", (), ()),
    ],
)
def test_what_the_firmware_says_of_throttling_is_put_into_words(
    machine: Machine, told: str, now: tuple[str, ...], since_boot: tuple[str, ...]
) -> None:
    root = machine(PI | {"sys/devices/platform/soc/soc:firmware/get_throttled": f"{told}\n"})
    loaded = device.under_load(root)
    assert (loaded.throttled, loaded.throttled_since_boot) == (now, since_boot)


def test_the_firmware_of_a_pi_5_is_found_where_it_is(machine: Machine) -> None:
    folder = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware"
    assert device.under_load(machine({f"{folder}/get_throttled": "1\n"})).throttled == (
        "under-voltage",
    )


def test_without_a_device_tree_the_processor_is_the_model(machine: Machine) -> None:
    cpuinfo = (
        "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 142\nmodel name\t: Intel N100\n"
    )
    assert device.look(machine({"proc/cpuinfo": cpuinfo})).model == "Intel N100"


def test_sensors_that_are_not_the_processors_count_only_where_there_are_no_others(
    machine: Machine,
) -> None:
    thermal = "sys/class/thermal/thermal_zone"
    battery = {f"{thermal}0/type": "BAT0\n", f"{thermal}0/temp": "90000\n"}
    assert device.under_load(machine(battery)).temperature_c == 90
    package = {f"{thermal}1/type": "x86_pkg_temp\n", f"{thermal}1/temp": "55000\n"}
    assert device.under_load(machine(package)).temperature_c == 55


def test_a_machine_that_tells_nothing_has_no_figures_and_no_error(tmp_path: Path) -> None:
    found = device.look(tmp_path)
    assert found.model == platform.machine()
    assert (found.memory_mb, found.load, found.governor, found.clock_max_mhz) == (0, 0, None, None)
    loaded = device.under_load(tmp_path)
    assert (loaded.clock_mhz, loaded.temperature_c, loaded.throttled) == (None, None, ())


def test_this_machine_is_told_as_other_ways_to_ask_tell_it() -> None:
    found = device.look()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found.memory_mb == pytest.approx(pages / 1e6, rel=0.05)
    assert 0 < found.memory_available_mb <= found.memory_mb
    assert 1 <= found.cores <= (os.cpu_count() or 0)
    assert found.machine == os.uname().machine


def test_the_peak_of_memory_is_what_was_taken_and_given_back() -> None:
    program = (
        "import numpy; from earlet.bench.device import peak_memory_mb as peak; before = peak();"
        "numpy.ones(50_000_000, dtype='u1'); print(before, peak())"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    before, after = map(float, done.stdout.split())
    assert after == pytest.approx(before + 50, abs=5)  # ones are written, so they are resident


def test_versions_are_those_that_the_packages_say() -> None:
    versions = device.versions("onnxruntime")
    assert versions.engine == f"onnxruntime {metadata.version('onnxruntime')}"
    assert (versions.earlet, versions.numpy) == (earlet.__version__, np.__version__)


def test_an_engine_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "ENGINES", {"litert": ("no-such-package",)})
    assert device.versions("litert").engine == "litert"
