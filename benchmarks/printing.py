"""Tables in Markdown, laid out or printed row by row."""


def row(*cells: object) -> str:
    """Lay out a row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def header(*columns: str) -> str:
    """Lay out the names of a table's columns, and the line below them."""
    return row(*columns) + "\n" + "|---" * len(columns) + "|"


def print_row(*cells: object) -> None:
    """Print a row as soon as it is measured."""
    print(row(*cells), flush=True)


def print_header(*columns: str) -> None:
    """Begin a table."""
    print(header(*columns), flush=True)
