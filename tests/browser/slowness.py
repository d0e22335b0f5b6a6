"""A server that can be made slow: what is sent to it waits until the test opens the gate, and passes one by one.

One by one, so that what is sent twice meets the answer of the first, not a first that has not ended.
"""

import threading

gate = threading.Event()
gate.set()
passing = threading.Lock()
arrived = []
came = threading.Semaphore(0)


def wait_at_the_gate(get_response):
    def middleware(request):
        if request.method == "POST":
            arrived.append(request.path)
            came.release()
            if not gate.wait(timeout=60):
                raise TimeoutError("The test did not open the gate.")
            with passing:
                return get_response(request)
        return get_response(request)

    return middleware
