"""A large file is checked piece by piece: what somebody proposes must not fill the memory."""

from bot.benchmarks.library import check_large_file


def test_a_file_of_a_gigabyte_takes_little_memory() -> None:
    size, _, memory = check_large_file()
    assert size.value > 1000
    assert memory.holds
