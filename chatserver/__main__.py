"""`python -m chatserver` is `chatserver`."""

from chatserver.cli import main

if __name__ == "__main__":
    main()
