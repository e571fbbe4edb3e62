"""What the tools do. Nothing here knows of the host, so tests run it as it is."""


def greet(name):
    """The greeting, or `ValueError` with words for the model."""
    if not name.strip():
        raise ValueError("there is nobody to greet: give a name")
    return f"Hello, {name}!"
