"""What a daemon's parts keep of the memory that they were put together with."""

import platform
import subprocess
import sys

import pytest

# 60 MB in blocks that are freed, but for every thousandth.
PROGRAM = """
import resource
from earlet.service.parts import trim_heap

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6

kept = [bytes(3_000) for _ in range(20_000)]
spread = kept[::1_000]
del kept
before = resident_mb()
trim_heap()
print(before - resident_mb(), len(spread))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such call")
def test_what_was_freed_goes_back_to_the_system_though_blocks_between_are_still_used() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    given_mb, n_kept = map(float, done.stdout.split())
    assert n_kept == 20
    assert given_mb > 40  # of 60
