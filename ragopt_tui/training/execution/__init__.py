"""The job of a run: it waits for devices and starts the processes that train."""
