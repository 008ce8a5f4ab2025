"""How often JAX compiles."""

import jax


class CountingCompilations:
    """How many programs JAX compiles inside a `with`."""

    def __enter__(self):
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self.hear)
        return self

    def hear(self, event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            self.count += 1

    def __exit__(self, *_):
        jax.monitoring.unregister_event_duration_listener(self.hear)
