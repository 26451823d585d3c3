"""The entry point: handling of errors, interruptions and standard streams.

It has few imports, so that a Ctrl-C during the other imports is handled, too.
"""

import gc
import sys

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    streams = None
    try:
        from wordgate.cli.streams import StandardStreams
        from wordgate.runtime.command_start import note_process_start

        note_process_start()
        streams = StandardStreams()
        status = _status(arguments)
        streams.flush()
    except KeyboardInterrupt:  # before the command started, or while its end was reported
        if streams is not None:
            streams.discard()
        status = INTERRUPTED
    _ignore_interruptions()
    gc.freeze()  # prevents a search for reference cycles at exit, which takes a second with torch
    sys.exit(status)


def _status(arguments: list[str] | None) -> int:
    """Run the command line; print the traceback of an unexpected error."""
    try:
        return exit_code(arguments)
    except KeyboardInterrupt:
        raise
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return FAILED


def exit_code(arguments: list[str] | None = None) -> int:
    """Run the command line; write errors to standard error, in one message each."""
    from contextlib import suppress

    import click

    from wordgate.cli.commands import wordgate
    from wordgate.cli.streams import OutputError, remark
    from wordgate.errors import WordgateError

    try:
        result = wordgate.main(arguments, prog_name="wordgate", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.UsageError as error:
        with suppress(OSError):
            error.show(file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, click.Abort) as interruption:
        why = (interruption.__cause__ or interruption).args  # click raises its own Abort
        remark(": ".join(["wordgate: interrupted", *map(str, why)]))
        return INTERRUPTED
    except SystemExit as end:  # raised by click for shell completion
        return FAILED if end.code else 0
    except (WordgateError, OutputError, OSError, MemoryError) as error:
        if isinstance(error, OutputError) and error.reader_gone:
            return 0
        remark(f"wordgate: {_sentence(error)}")
        return FAILED
    return result if isinstance(result, int) else 0


def _sentence(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}"
    return str(error)


def _ignore_interruptions() -> None:
    """Ignore a Ctrl-C while Python exits, unless it waits for a thread."""
    import signal
    import threading

    alone = all(one.daemon or one is threading.main_thread() for one in threading.enumerate())
    if alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
