"""Three public-domain texts; README.md says where they are from."""

from pathlib import Path


def text(name: str) -> str:
    return (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
