"""Where networks run: processes with a model each, which answer one call at a time.

    pool.py -> crew.py: who does what -> process.py  == frames.py ==  worker.py -> operations.py
               roster.py: which there are                                          streams.py

A process that crashes, hangs or takes too much memory takes nobody with it.
"""
