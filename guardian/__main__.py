"""The process entry point: `guardian` and `python -m guardian`."""


def main() -> None:
    """Run the command line and exit with its code (docs/cli.md)."""
    from guardian.cli.main import run  # noqa: PLC0415 - keeps `import guardian` free of click

    run()


if __name__ == "__main__":
    main()
