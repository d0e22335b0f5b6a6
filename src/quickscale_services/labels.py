"""Names from code as people read them."""


def label(name: str) -> str:
    """`sentences_kept` → "Sentences kept"."""
    return (name[:1].upper() + name[1:]).replace("_", " ")
