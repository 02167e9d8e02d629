"""`python -m bot` is `stylus`."""

from bot.command_line import main

if __name__ == "__main__":
    main()
