"""What would help, in plain sentences, and nothing but what the figures say."""

from collections.abc import Iterator

from earlet.bench.figures import Device, Figures, Latency, Turn, UnderLoad

BUSY_LOAD = 0.5  # processes that ran before, for each core
LEAST_CPU = 0.9  # share of the time that a thread has a core to itself on a machine at rest
SLOW_CLOCK = 0.8  # of the highest one
# Governors that keep the clock low, but where these drivers take the name for a balance.
# https://docs.kernel.org/admin-guide/pm/intel_pstate.html, amd-pstate.html (active mode)
SLOW_GOVERNORS = ("powersave", "conservative")
BALANCING = ("intel_pstate", "amd-pstate-epp")
HOT_C = 80.0  # where boards begin to lower the clock: a Raspberry Pi at 80 to 85
WORTH = 1.2  # times as fast: less is not worth a second thread, or another bundle
FULL = 80.0  # per cent of a core: what follows live sound needs some to spare
MEMORY_SHARE = 0.5  # of what is available
THREADS_BESIDES = {  # where else than in Python a task's threads can be set
    "audio-classification": " and config.yaml",
    "automatic-speech-recognition": ", --threads of `earlet transcribe`",
}


def advice(figures: Figures) -> tuple[str, ...]:
    """What somebody could do about a bundle's figures, the most important first."""
    return (
        *of_machine(figures.device, figures.under_load, figures.latency),
        *of_bundle(figures),
    )


def of_machine(device: Device, under_load: UnderLoad, latency: Latency) -> Iterator[str]:
    """What holds for every bundle on this machine."""
    share = latency.cpu_ms / latency.mean_ms
    if device.load > BUSY_LOAD * device.cores:
        yield (
            f"The machine was busy before (load {device.load:.1f}, cores: {device.cores}): these "
            "figures are worth little. Stop what else runs, and measure again."
        )
    elif share < LEAST_CPU:
        yield (
            f"The work had a core for {100 * share:.0f} % of the time only, as something else "
            "runs: these figures are worth little. Stop it, and measure again."
        )
    if "under-voltage" in under_load.throttled:
        yield "The voltage is too low, and the clock lowered: it needs a better power supply."
    elif "under-voltage" in under_load.throttled_since_boot:
        yield (
            "The voltage has been too low since the last boot, and lowers the clock when it is: "
            "it needs a better power supply."
        )
    heat = "" if under_load.temperature_c is None else f" at {under_load.temperature_c:.0f} °C"
    if {"throttled", "too hot", "clock capped"} & {*under_load.throttled}:
        yield f"The processor is slowed down{heat}: cooling would help."
    elif under_load.temperature_c is not None and under_load.temperature_c >= HOT_C:
        yield f"The processor is hot{heat}, and will be slowed down: cooling would help."
    slow = device.governor in SLOW_GOVERNORS and device.clock_driver not in BALANCING
    clock, highest = under_load.clock_mhz, device.clock_max_mhz
    if slow:
        yield (
            f"The governor is {device.governor}, which keeps the clock low: echo ondemand | "
            "sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
    elif clock is not None and highest is not None and clock < SLOW_CLOCK * highest:
        yield f"The clock ran at {clock} MHz under load, and could at {highest}."


def of_bundle(figures: Figures) -> Iterator[str]:
    """What holds for this one."""
    yield from _of_speed(figures)
    yield from _of_memory(figures)
    yield from _of_turns(figures.turns, THREADS_BESIDES.get(figures.task, ""))


def _of_speed(figures: Figures) -> Iterator[str]:
    factor, live = figures.real_time_factor, figures.live
    if factor is not None and factor >= 1:
        yield f"It takes {factor:.1f} s for a second of sound: it cannot follow live sound here."
    elif live is not None and live.cpu_percent > FULL:
        yield f"Live sound takes {live.cpu_percent:.0f} % of a core: there is little to spare."


def _of_memory(figures: Figures) -> Iterator[str]:
    available = figures.device.memory_available_mb
    if 0 < MEMORY_SHARE * available < figures.memory_peak_mb:
        yield f"It takes {figures.memory_peak_mb:.0f} MB of {available} that are available."


def _of_turns(turns: tuple[Turn, ...], besides: str) -> Iterator[str]:
    if not turns:
        return
    own, *others = turns
    if others and own.cpu_ms < LEAST_CPU * own.wall_ms:
        yield "Something else ran while threads and bundles took turns: these say nothing."
        return
    more = [turn for turn in others if turn.bundle == own.bundle]
    if more:
        best = min(more, key=lambda turn: turn.wall_ms)
        gain, price = own.wall_ms / best.wall_ms, best.cpu_ms / own.cpu_ms
        if gain >= WORTH:
            yield (
                f"{best.threads} threads are {gain:.1f} times as fast as one, for {price:.1f} "
                f"times the processor time: `threads` in Python{besides}."
            )
        else:
            yield "More threads do not help."
    rivals = [turn for turn in others if turn.bundle != own.bundle]
    quicker = [turn for turn in rivals if own.wall_ms / turn.wall_ms >= WORTH]
    for turn in sorted(quicker, key=lambda turn: turn.wall_ms):
        yield (
            f"{turn.bundle} is {own.wall_ms / turn.wall_ms:.1f} times as fast at the same; whether "
            "it does as well, `evaluation` in its bundle.yaml says."
        )
    if rivals and not quicker:
        yield "No other bundle that is installed for this is quicker."
