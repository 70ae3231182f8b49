"""Keeping freed memory for the next training step: given, on the standard library alone.

A training step asks for the same large arrays again and again. By default the C library hands each
back to the system, which fills it with zeros when it is asked for anew: thousands of page faults.
"""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
KEEP = 1 << 30  # bytes that may lie free
LARGEST = 32 << 20  # bytes; a larger array is asked for by itself; glibc takes no more than this


def keep_memory() -> bool:
    """Ask the C library to keep what is freed, until this process ends.

    Returns:
        Whether it could: with glibc yes, on macOS, Windows and musl no (nothing is changed there).

    Source: mallopt(3), Linux man-pages.
    """
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - only glibc has it
        mallopt = library.mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(TRIM_THRESHOLD, KEEP)) and bool(mallopt(MMAP_THRESHOLD, LARGEST))


def page_faults() -> int | None:
    """How often this process was given a fresh page of memory; None where nothing counts it."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
