"""``python -m ndestudio`` is the command ``ndestudio``."""

from ndestudio.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
