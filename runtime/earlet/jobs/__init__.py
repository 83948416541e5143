"""Many files to text: what is to be done, by whom, and how it survives being stopped.

paths -> plan.py: items -> local.py or cluster.py: a worker each -> outcomes
                           worker.py: one file after another -> output.py: whole texts
"""
