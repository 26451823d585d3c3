"""`python -m wordgate`: the command line."""

from wordgate.cli.main import run

if __name__ == "__main__":
    run()
