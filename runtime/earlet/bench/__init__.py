"""`earlet bench`: what a bundle costs on this very device, and what would help.

measure.py   asks processes of their own, each with a time limit, and puts the figures together
child.py       such a process: a cold start, the same work again and again, a stream in real
               time, several bundles in turns
work.py          what a bundle is given to do, by its task
timing.py        how long that takes
device.py    the machine: processor, clock, heat, memory
advice.py    what would help: sentences from the figures
figures.py   the figures themselves, as `--json` gives them
"""
