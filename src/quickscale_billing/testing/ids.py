"""Identifiers that look like Stripe's and are the same in every run with the same seed."""

from __future__ import annotations

import hashlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Identifiers:
    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.count = 0

    def make(self, prefix: str, *, length: int = 24) -> str:
        self.count += 1
        return f"{prefix}_{token(f'{self.seed}:{self.count}', length)}"


def token(source: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha512(source.encode()).digest())
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)
