r"""`earlet serve`: programs that speak to the cloud, answered on this device.

    HTTP, WebSocket -> connections.py -> app.py, guard.py       Wyoming -> wyoming/
                                            |                                 |
            huggingface/  openai/  listen/  page/  health.py                  |
                              \____________|_________________________________/
                                            |
                                    workers/pool.py
                                            |  frames
                         workers/worker.py: a process for each model

One thread with an event loop answers and never computes; processes compute, and never answer. Only
here are asyncio, starlette, uvicorn and wyoming imported.
"""
