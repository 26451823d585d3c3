"""Runtime support: progress display, threads and processor, interruption, installed packages."""
